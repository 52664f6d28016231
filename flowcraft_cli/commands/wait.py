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
    from flowcraft_engine.stores.coordination_store import CoordinationStore

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
    from flowcraft_engine.history.run_view import run_result

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
        plan, state = await store.snapshot(kept.run_id)
        result = run_result(plan, state, is_orphaned=await store.is_orphaned(kept.run_id))
        is_stuck = result.status == "interrupted" or await _waits_for_somebody(store, kept.run_id)
        if result.is_final or is_stuck:
            return Ending(result, where=where)
        if deadline is not None and loop.time() >= deadline:
            return Ending(result, timed_out=True, where=where)
        await asyncio.sleep(_POLL_S)


async def _waits_for_somebody(store: CoordinationStore, run_id: str) -> bool:
    """True if only people can move the run on: all that waits, sub-runs included, waits for answers."""
    from flowcraft_engine.kernel import state as st

    if not await store.exists(run_id):
        return False
    _, state = await store.snapshot(run_id)
    if state.is_final or state.moving or not state.waiting:
        return False
    for instance in list(state.waiting.values()):
        wait = instance.wait or {}
        if wait.get("kind") == st.TIMER:
            return False
        if wait.get("kind") == st.CHILD and not await _waits_for_somebody(store, str(wait["child"])):
            return False
    return True
