"""`flowcraft graph`."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from flowcraft_cli.options import option
from flowcraft_cli.shared_options import PLACE, takes

if TYPE_CHECKING:
    from flowcraft_engine.blueprint.model import Blueprint
    from flowcraft_engine.drawing import Outcomes

    Drawn = tuple[Blueprint, Outcomes | None, Collection[tuple[str, str]] | None]


@takes(PLACE)
def graph_command(
    context: typer.Context,
    source: Annotated[
        str,
        typer.Argument(
            metavar="FILE-OR-RUN", help="A blueprint (- reads from stdin), or a kept run.", show_default=False
        ),
    ],
    format: Annotated[
        Literal["mermaid", "dot", "svg", "terminal", "json"] | None,
        option("--format", help="Kind of drawing. Default: by the name of --out, else terminal."),
    ] = None,
    out: Annotated[
        str | None, option("--out", "-o", metavar="FILE", help="Write the drawing to a file.")
    ] = None,
    direction: Annotated[
        Literal["TB", "LR"], option("--direction", help="From top to bottom, or from left to right.")
    ] = "TB",
) -> int:
    """Draw a blueprint, or a run of it, coloured by what became of each node. Imports and executes nothing."""
    import shutil

    from flowcraft_cli.colour import wants_colour
    from flowcraft_cli.looks import has_symbols
    from flowcraft_cli.mode_options import refuse_place
    from flowcraft_cli.output import emit, tell
    from flowcraft_cli.run_drawing import format_of, write_drawing
    from flowcraft_cli.run_or_file import is_file_name
    from flowcraft_engine.blueprint import load_blueprint
    from flowcraft_engine.drawing import draw

    if is_file_name(source):
        refuse_place(context, "a blueprint file")
        drawn: Drawn = load_blueprint(source), None, None
    else:
        drawn = _run(context, source)
    blueprint, outcomes, taken = drawn
    kind = format or (format_of(out) if out is not None else "terminal")
    drawing = draw(
        blueprint,
        kind,
        outcomes,
        taken=taken,
        width=shutil.get_terminal_size((100, 24)).columns,
        direction=direction,
        colour=out is None and wants_colour("stdout"),
        ascii=not has_symbols("stdout") if out is None else False,
    )
    if out is None:
        emit(drawing.rstrip("\n"))
    else:
        write_drawing(out, drawing)
        tell(f"wrote {out}")
    return 0


def _run(context: typer.Context, run: str) -> Drawn:
    from flowcraft_cli.execution import run_async

    return run_async(_read(context, run))


async def _read(context: typer.Context, run: str) -> Drawn:
    from flowcraft_cli.kept_run import kept_run
    from flowcraft_engine.reports.outcomes import outcomes_of, taken_edges

    async with kept_run(context, run, only_looks=True) as kept:
        plan, state = await kept.store.snapshot(kept.run_id)
        result = await kept.place.show(kept.run_id)
        return plan.blueprint, outcomes_of(result), taken_edges(state)
