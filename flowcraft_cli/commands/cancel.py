"""`flowcraft cancel`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from flowcraft_cli.options import Debug, Json, RunArgument, State, option

if TYPE_CHECKING:
    from flowcraft_cli.ending import Ending
    from flowcraft_engine.history.run_result import RunResult


def cancel_command(
    context: typer.Context,
    run: RunArgument,
    reason: Annotated[str | None, option("--reason", metavar="TEXT", help="Why; kept with the run.")] = None,
    state: State = None,
    json: Json = False,
    debug: Debug = False,
) -> int:
    """Cancel a run: nothing more starts, running nodes are ended, sub-runs included.

    Of a sub-run that is cancelled by its own id, the node that started it fails, and is not tried again. Ends
    with 0; with 7 if the run has ended already.
    """
    from flowcraft_cli.colour import palette_for
    from flowcraft_cli.ending import headline, what_next
    from flowcraft_cli.execution import run_async
    from flowcraft_cli.output import emit_json, tell

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
    from flowcraft_cli.execution import where_kept
    from flowcraft_cli.kept_run import kept_run
    from flowcraft_engine.assembly import make_runtime
    from flowcraft_engine.nodes.registry import NodeRegistry

    async with kept_run(context, run) as kept:
        runtime = make_runtime(kept.settings, NodeRegistry(), kept.store)
        result = await runtime.cancel(kept.run_id, reason)
        top = kept.run_id.partition(":")[0]
        if top == kept.run_id:
            return result, None
        return result, Ending(await runtime.show(top), where=where_kept(kept.settings))
