"""`flowcraft show`."""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    Verbose,
)

if TYPE_CHECKING:
    from flowcraft_cli.ending import Ending


def show_command(
    context: typer.Context,
    run: RunArgument,
    state: State = None,
    backend: Backend = None,
    redis_url: RedisUrl = None,
    broker_url: BrokerUrl = None,
    namespace: Namespace = None,
    insecure: Insecure = False,
    json: Json = False,
    verbose: Verbose = False,
    debug: Debug = False,
) -> int:
    """Show a run: its nodes with states, durations and outputs, its errors, and what it waits for.

    Ends with 0, whatever became of the run. With -v also why each node is in its state.
    """
    from flowcraft_cli.execution import run_async
    from flowcraft_cli.output import emit, emit_json

    ending = run_async(_load(context, run))
    if json:
        emit_json(ending.result.to_json())
        return 0
    from flowcraft_cli.run_text import run_text

    emit(run_text(ending, verbose=verbose))
    return 0


async def _load(context: typer.Context, run: str) -> Ending:
    from flowcraft_cli.ending import Ending
    from flowcraft_cli.kept_run import kept_run

    async with kept_run(context, run) as kept:
        place = kept.place
        return Ending(await place.show(kept.run_id), where=place.where, goes_on=place.fleet is not None)
