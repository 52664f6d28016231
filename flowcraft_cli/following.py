"""Follows a run that other processes execute: shows it, and leaves it running when the follower has to go."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from flowcraft_cli.ending import Ending
from flowcraft_cli.execution import Interrupter
from flowcraft_cli.interruption import Interruption
from flowcraft_cli.manner import Manner
from flowcraft_cli.output import tell
from flowcraft_cli.run_place import RunPlace
from flowcraft_cli.watching.run_news import RunNews
from flowcraft_cli.watching.watcher import SilentWatcher, Watcher
from flowcraft_engine.errors import BackendError

if TYPE_CHECKING:
    from flowcraft_engine.history.run_result import RunResult

#: How long to wait for news before looking at the run all the same.
_LOOK_S = 0.5
#: News that come close together are shown together.
_TOGETHER_S = 0.01
#: How long the server may be away before a follower gives up; the client itself waits a few seconds each time.
_PATIENCE_S = 60.0
_LAST_LOOK_S = 2.0


async def follow(
    place: RunPlace, begin: Callable[[], Awaitable[str]], manner: Manner, watcher: Watcher, news: RunNews
) -> Ending:
    """Begin something with a run, and follow it until it is quiet, `--timeout` passes or a signal comes."""
    hint = "the run goes on; flowcraft list shows it"
    interrupter = Interrupter(json=manner.json, notice=None, hint=hint)
    run_id: str | None = None
    timed_out = False
    async with interrupter.listening():
        try:
            run_id = await begin()
            async with watcher:
                timed_out = not await _until_quiet(place, run_id, manner.timeout_s, watcher, news)
        except asyncio.CancelledError:
            if interrupter.signal is None:
                raise
            task = asyncio.current_task()
            assert task is not None
            task.uncancel()
        if run_id is None:
            raise Interruption(interrupter.signal or signal.SIGINT)
        if interrupter.signal is None:
            result = await place.show(run_id)
        else:
            result = await _last_look(place, run_id, interrupter.signal)
    goes_on = result.status != "interrupted"
    return Ending(result, interrupter.signal, timed_out, place.where, goes_on=goes_on)


async def _last_look(place: RunPlace, run_id: str, number: int) -> RunResult:
    """Somebody wants to go: do not keep them waiting for a server that is away."""
    try:
        return await asyncio.wait_for(place.show(run_id), _LAST_LOOK_S)
    except (BackendError, TimeoutError) as error:
        tell(f"the run goes on; follow it with: flowcraft wait {run_id}{place.where or ''}")
        raise Interruption(number) from error


async def _until_quiet(
    place: RunPlace, run_id: str, timeout_s: float | None, watcher: Watcher, news: RunNews
) -> bool:
    """Show what happens until nothing moves the run on any more; False after `timeout_s`."""
    loop = asyncio.get_running_loop()
    deadline = None if timeout_s is None else loop.time() + timeout_s
    last_answer = loop.time()
    while True:
        try:
            has_news = await news.look()
            if await _is_quiet(place, run_id):
                await news.look()
                return True
            if not has_news:
                await _show_blocked(place, run_id, watcher)
            last_answer = loop.time()
        except BackendError:
            if loop.time() - last_answer > _PATIENCE_S:
                raise
        left = _LOOK_S if deadline is None else min(_LOOK_S, deadline - loop.time())
        if left <= 0:
            return False
        await place.store.await_news(news.open_runs, left)
        await asyncio.sleep(_TOGETHER_S)


async def _is_quiet(place: RunPlace, run_id: str) -> bool:
    from flowcraft_engine.execution.standing import is_quiet

    if await is_quiet(place.store, run_id):
        return True
    # Nobody executes it: only `reconcile` can move it on. A fleet finds such runs by itself.
    return place.fleet is None and await place.status(run_id) == "interrupted"


async def _show_blocked(place: RunPlace, run_id: str, watcher: Watcher) -> None:
    if place.fleet is not None and not isinstance(watcher, SilentWatcher):
        watcher.on_blocked(await place.fleet.blocked(run_id))
