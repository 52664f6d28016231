"""`flowcraft wait`: follows a run that another process executes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from flowcraft_cli.manner import Manner
from flowcraft_cli.options import Debug, Json, Quiet, RunArgument, State, Timeout, Verbose, duration_s

if TYPE_CHECKING:
    from flowcraft_cli.ending import Ending
    from flowcraft_cli.kept_run import KeptRun
    from flowcraft_cli.watching.watcher import Watcher

#: How often the store is asked for news.
_POLL_S = 0.2


def wait_command(
    context: typer.Context,
    run: RunArgument,
    timeout: Timeout = None,
    state: State = None,
    json: Json = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
    debug: Debug = False,
) -> int:
    """Follow a run that another process executes, and end with its exit code.

    5 when it waits for somebody, or when nobody executes it; 6 after --timeout.
    """
    from flowcraft_cli.ending import print_ending
    from flowcraft_cli.execution import run_async

    manner = Manner(duration_s(context, "timeout"), quiet, verbose, json)
    return print_ending(run_async(_wait(context, run, manner)), manner)


async def _wait(context: typer.Context, run: str, manner: Manner) -> Ending:
    from flowcraft_cli.kept_run import kept_run
    from flowcraft_cli.watching.choose import choose_watcher

    async with kept_run(context, run) as kept:
        watcher = choose_watcher(manner)
        plan, _ = await kept.store.snapshot(kept.run_id)
        watcher.follow(kept.run_id, [node.id for node in plan.blueprint.nodes])
        async with watcher:
            return await _follow(kept, watcher, manner.timeout_s)


async def _follow(kept: KeptRun, watcher: Watcher, timeout_s: float | None) -> Ending:
    import asyncio

    from flowcraft_cli.ending import Ending
    from flowcraft_cli.execution import where_kept
    from flowcraft_engine.execution.standing import is_quiet, result_of

    store, where = kept.store, where_kept(kept.settings)
    loop = asyncio.get_running_loop()
    deadline = None if timeout_s is None else loop.time() + timeout_s
    events = await store.events(kept.run_id)
    seen = len(events)
    watcher.progress.catch_up(kept.run_id, events)
    while True:
        await store.refresh()
        events = await store.events(kept.run_id, seen)
        seen += len(events)
        watcher.on_events(kept.run_id, events)
        result = await result_of(store, kept.run_id)
        if result.status == "interrupted" or await is_quiet(store, kept.run_id):
            return Ending(result, where=where)
        if deadline is not None and loop.time() >= deadline:
            return Ending(result, timed_out=True, where=where)
        await asyncio.sleep(_POLL_S)
