"""`flowcraft cancel`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from flowcraft_cli.options import (
    Backend,
    BrokerUrl,
    Debug,
    Insecure,
    Json,
    Namespace,
    RedisUrl,
    RunArgument,
    State,
    option,
)

if TYPE_CHECKING:
    from flowcraft_engine.history.run_result import RunResult


def cancel_command(
    context: typer.Context,
    run: RunArgument,
    reason: Annotated[str | None, option("--reason", metavar="TEXT", help="Why; kept with the run.")] = None,
    state: State = None,
    backend: Backend = None,
    redis_url: RedisUrl = None,
    broker_url: BrokerUrl = None,
    namespace: Namespace = None,
    insecure: Insecure = False,
    json: Json = False,
    debug: Debug = False,
) -> int:
    """Cancel a run: nothing more starts, running nodes are ended, sub-runs included.

    Ends with 0; with 7 if the run has ended already.
    """
    from flowcraft_cli.colour import palette_for
    from flowcraft_cli.ending import headline
    from flowcraft_cli.execution import run_async
    from flowcraft_cli.output import emit_json, tell

    result = run_async(_cancel(context, run, reason))
    if json:
        emit_json(result.to_json())
    else:
        tell(headline(result, palette_for("stderr")))
    return 0


async def _cancel(context: typer.Context, run: str, reason: str | None) -> RunResult:
    from flowcraft_cli.kept_run import kept_run

    async with kept_run(context, run) as kept:
        return await kept.place.runs.cancel(kept.run_id, reason)
