"""`flowcraft cancel`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from flowcraft_cli.options import Json, RunArgument, option
from flowcraft_cli.shared_options import PLACE, takes

if TYPE_CHECKING:
    from flowcraft_cli.ending import Ending
    from flowcraft_engine.history.run_result import RunResult


@takes(PLACE)
def cancel_command(
    context: typer.Context,
    run: RunArgument,
    reason: Annotated[str | None, option("--reason", metavar="TEXT", help="Why; kept with the run.")] = None,
    json: Json = False,
) -> int:
    """Cancel a run: nothing more starts, running nodes are ended, sub-runs included.

    Of a sub-run that is cancelled by its own id, the node that started it fails, and is not tried again. Ends
    with 0, for a run that is cancelled already, too; with 7 if it has ended otherwise.
    """
    from flowcraft_cli.colour import palette_for
    from flowcraft_cli.execution import run_async
    from flowcraft_cli.headline import headline
    from flowcraft_cli.output import emit_json, tell
    from flowcraft_cli.what_next import what_next

    result, above = run_async(_cancel(context, run, reason))
    if json:
        emit_json(result.to_json())
        return 0
    palette = palette_for("stderr")
    tell(headline(result, palette))
    if above is not None:
        tell(headline(above.result, palette))
        for line in what_next(above):
            tell(line)
    return 0


async def _cancel(context: typer.Context, run: str, reason: str | None) -> tuple[RunResult, Ending | None]:
    """The cancelled run, and, of a sub-run, how that leaves the run at the top."""
    from flowcraft_cli.ending import Ending
    from flowcraft_cli.kept_run import kept_run

    async with kept_run(context, run) as kept:
        place = kept.place
        result = await place.runs.cancel(kept.run_id, reason)
        if kept.top == kept.run_id:
            return result, None
        ending = Ending(await place.show(kept.top), where=place.where, goes_on=place.fleet is not None)
        return result, ending
