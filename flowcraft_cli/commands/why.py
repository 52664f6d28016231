"""`flowcraft why`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from flowcraft_cli.options import Json, RunArgument
from flowcraft_cli.shared_options import PLACE, takes

if TYPE_CHECKING:
    from flowcraft_engine.reports.why import Why


@takes(PLACE)
def why_command(
    context: typer.Context,
    run: RunArgument,
    node: Annotated[
        str,
        typer.Argument(
            metavar="NODE", help="Id of a node, or one instance: body#3, row[17].", show_default=False
        ),
    ],
    json: Json = False,
) -> int:
    """Say why a node is in its state: why it ran, was skipped, failed, waits, or has not begun.

    The answer comes from what was recorded when it was decided, the values that conditions have read included.
    Of a node with several instances it is about the last one. Ends with 0, whatever the answer.
    """
    from flowcraft_cli.execution import run_async
    from flowcraft_cli.output import emit, emit_json

    answer, where = run_async(_ask(context, run, node))
    if json:
        emit_json(answer.to_json())
        return 0
    from flowcraft_cli.why_text import why_text

    emit(why_text(answer, where or ""))
    return 0


async def _ask(context: typer.Context, run: str, node: str) -> tuple[Why, str | None]:
    import time
    from dataclasses import replace

    from flowcraft_cli.kept_run import kept_run
    from flowcraft_engine.reports.dossier import read_dossier
    from flowcraft_engine.reports.why import why

    async with kept_run(context, run, only_looks=True) as kept:
        dossier = await read_dossier(kept.store, kept.run_id, time.time(), show=kept.place.show)
        answer = why(dossier, node)
        return replace(answer, next=[kept.as_typed(it) for it in answer.next]), kept.where
