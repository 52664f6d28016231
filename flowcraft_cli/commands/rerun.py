"""`flowcraft rerun`: run a node again, and all that follows from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from flowcraft_cli.manner import Manner
from flowcraft_cli.options import (
    App,
    Backend,
    BrokerUrl,
    Concurrency,
    Debug,
    DryRun,
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
    from flowcraft_cli.kept_run import KeptRun
    from flowcraft_engine.runtime.flow_runtime import FlowRuntime


def rerun_command(
    context: typer.Context,
    run: RunArgument,
    start: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="NODE",
            help="The node to begin with, or an instance of it: body#3, row[17].",
            envvar="FLOWCRAFT_FROM",
            show_default=False,
        ),
    ],
    dry_run: DryRun = False,
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
    """Run a node of a run that has ended again, and all that follows from it, with new idempotency keys.

    Other results are kept, and so are changes that nodes made to the context. The command goes on with the run
    and ends like `flowcraft run`; in Redis workers do, and it ends at once, unless --timeout says how long it
    shall follow. In a sub-run (RUN is parent:node) the runs above follow.
    """
    from flowcraft_cli.execution import run_async

    manner = Manner(duration_s(context, "timeout"), quiet, verbose, json)
    return run_async(_rerun(context, run, start, manner, dry_run=dry_run))


async def _rerun(context: typer.Context, run: str, start: str, manner: Manner, *, dry_run: bool) -> int:
    from flowcraft_cli.handing_over import print_handed_over
    from flowcraft_cli.kept_run import kept_run

    async with kept_run(context, run) as kept:
        if dry_run:
            await _preview(kept, start, manner)
            return 0
        ending = await _begin(kept, start, manner)
    return print_handed_over(ending, manner)


async def _preview(kept: KeptRun, start: str, manner: Manner) -> None:
    from flowcraft_cli.again_text import again_lines
    from flowcraft_cli.output import emit, emit_json
    from flowcraft_engine.execution.repair import preview_rerun

    steps = await preview_rerun(kept.store, kept.run_id, start)
    if manner.json:
        again = [step.to_json() for step in steps]
        emit_json({"schema": 1, "dry_run": True, "runs": [{"run_id": kept.run_id, "again": again}]})
        return
    for line in again_lines(steps, would=True):
        emit(line)


async def _begin(kept: KeptRun, start: str, manner: Manner) -> Ending:
    from flowcraft_cli.again_text import again_lines
    from flowcraft_cli.handing_over import hand_over
    from flowcraft_cli.kept_run import go_on
    from flowcraft_cli.output import stdout_for_results_only, tell
    from flowcraft_engine.execution.repair import rerun

    if kept.place.fleet is not None:
        steps = await kept.place.fleet.rerun(kept.run_id, start)
        for line in () if manner.quiet else again_lines(steps, would=False):
            tell(line)
        return await hand_over(kept, manner)

    async def begin(_: FlowRuntime) -> str:
        steps = await rerun(kept.store, kept.run_id, start)
        for line in () if manner.quiet else again_lines(steps, would=False):
            tell(line)
        return kept.run_id

    with stdout_for_results_only():
        return await go_on(kept, begin, manner)
