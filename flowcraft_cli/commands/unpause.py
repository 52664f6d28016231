"""`flowcraft unpause`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from flowcraft_cli.manner import Manner
from flowcraft_cli.options import (
    App,
    Backend,
    BrokerUrl,
    Concurrency,
    Debug,
    Insecure,
    Json,
    Namespace,
    Quiet,
    RedisUrl,
    RunArgument,
    State,
    Timeout,
    Verbose,
    duration_s,
)

if TYPE_CHECKING:
    from flowcraft_cli.ending import Ending
    from flowcraft_engine.runtime.flow_runtime import FlowRuntime


def unpause_command(
    context: typer.Context,
    run: RunArgument,
    app: App = None,
    timeout: Timeout = None,
    concurrency: Concurrency = None,
    state: State = None,
    backend: Backend = None,
    redis_url: RedisUrl = None,
    broker_url: BrokerUrl = None,
    namespace: Namespace = None,
    insecure: Insecure = False,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    debug: Debug = False,
) -> int:
    """Go on with a paused run, in this command; ends like `flowcraft run`.

    Timers that were due meanwhile fire at once; the run's own time limit stood still.
    """
    from flowcraft_cli.execution import run_async
    from flowcraft_cli.handing_over import print_handed_over
    from flowcraft_cli.output import stdout_for_results_only

    manner = Manner(duration_s(context, "timeout"), quiet, verbose, json)
    with stdout_for_results_only():
        ending = run_async(_unpause(context, run, manner))
    return print_handed_over(ending, manner)


async def _unpause(context: typer.Context, run: str, manner: Manner) -> Ending:
    from flowcraft_cli.handing_over import hand_over
    from flowcraft_cli.kept_run import go_on, kept_run
    from flowcraft_engine.errors import ConflictError
    from flowcraft_engine.execution.repair import unpause
    from flowcraft_engine.execution.standing import status_of

    async with kept_run(context, run) as kept:

        def require(changed: bool, status: str) -> None:
            if not changed:
                raise ConflictError(f"run {kept.run_id} is not paused, it is {status}")

        fleet = kept.place.fleet
        if fleet is not None:
            require(await fleet.unpause(kept.run_id), await fleet.status(kept.run_id))
            return await hand_over(kept, manner)

        async def begin(_: FlowRuntime) -> str:
            require(await unpause(kept.store, kept.run_id), await status_of(kept.store, kept.run_id))
            return kept.run_id

        return await go_on(kept, begin, manner)
