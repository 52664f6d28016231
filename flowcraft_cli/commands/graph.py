"""`flowcraft graph`."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from flowcraft_cli.options import Debug, option


def graph_command(
    context: typer.Context,
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="The blueprint; - reads from stdin.", show_default=False)
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
    debug: Debug = False,
) -> int:
    """Draw a blueprint. Imports and executes nothing."""
    import shutil

    from flowcraft_cli.colour import wants_colour
    from flowcraft_cli.looks import has_symbols
    from flowcraft_cli.output import emit, tell
    from flowcraft_cli.run_drawing import format_of, write_drawing
    from flowcraft_engine.blueprint import load_blueprint
    from flowcraft_engine.drawing import draw

    kind = format or (format_of(out) if out is not None else "terminal")
    drawing = draw(
        load_blueprint(file),
        kind,
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
