"""Follows a run that other processes execute: shows it, and leaves it running when the follower has to go."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from flowcraft_cli.ending import Ending
from flowcraft_cli.execution import Interrupter
from flowcraft_cli.interruption import Interruption
from flowcraft_cli.manner import Manner
from flowcraft_cli.output import tell
from flowcraft_cli.run_place import RunPlace
from flowcraft_cli.watching.run_news import RunNews
from flowcraft_cli.watching.watcher import SilentWatcher, Watcher
from flowcraft_engine.errors import BackendError, NotFoundError

if TYPE_CHECKING:
    from flowcraft_cli.kept_run import KeptRun
    from flowcraft_engine.history.run_result import RunResult, WaitingNode

#: How long to wait for news before looking at the run all the same.
_LOOK_S = 0.5
#: News that come close together are shown together.
_TOGETHER_S = 0.01
#: How long the server may be away before a follower gives up; the client itself waits a few seconds each time.
_PATIENCE_S = 60.0
_LAST_LOOK_S = 2.0
#: How long no worker must fit before that is told: one that starts again, with new code, is back by then.
_BLOCKED_S = 2.0


async def follow_kept(
    kept: KeptRun, run_id: str, manner: Manner, change: Callable[[], Awaitable[None]] | None = None
) -> Ending:
    """Follow a run from now on: `kept`, or the one that it belongs to. The `change` is made first."""
    from flowcraft_cli.watching.choose import choose_watcher
    from flowcraft_cli.watching.node_log import shown_level

    watcher = choose_watcher(manner, kept.settings)
    plan, _ = await kept.store.glance(run_id)
    watcher.follow(run_id, [node.id for node in plan.blueprint.nodes])
    news = RunNews(kept.store, watcher, run_id, level=shown_level(kept.settings, verbose=manner.verbose))
    await news.catch_up()

    async def begin() -> str:
        if change is not None:
            await change()
        return run_id

    return await follow(kept.place, begin, manner, watcher, news)


async def follow(
    place: RunPlace, begin: Callable[[], Awaitable[str]], manner: Manner, watcher: Watcher, news: RunNews
) -> Ending:
    """Begin something with a run, and follow it until it is quiet, `--timeout` passes or a signal comes."""
    hint = "the run goes on; flowcraft list shows it"
    interrupter = Interrupter(json=manner.json, notice=None, hint=hint)
    run_id: str | None = None
    timed_out, goes_on = False, True
    async with interrupter.listening():
        try:
            run_id = await begin()
            async with watcher:
                timed_out = not await _until_quiet(place, run_id, manner.timeout_s, watcher, news)
            result = await place.show(run_id)
            goes_on = not await place.store.is_orphaned(run_id)
        except BackendError as error:
            if run_id is None:
                raise
            # The id may be one that nobody has seen yet.
            raise BackendError(error.message, hint=_goes_on(place, run_id)) from error
        except asyncio.CancelledError:
            if not interrupter.end_cancellation():
                raise
            if run_id is None:
                raise interrupter.interruption() from None
            assert interrupter.signal is not None
            result = await _last_look(place, run_id, interrupter.signal)
    return Ending(result, interrupter.signal, timed_out, place.where, goes_on=goes_on)


async def _last_look(place: RunPlace, run_id: str, number: int) -> RunResult:
    """Somebody wants to go: do not keep them waiting for a server that is away."""
    try:
        return await asyncio.wait_for(place.show(run_id), _LAST_LOOK_S)
    except (BackendError, TimeoutError) as error:
        tell(_goes_on(place, run_id))
        raise Interruption(number) from error


def _goes_on(place: RunPlace, run_id: str) -> str:
    return f"the run goes on; follow it with: flowcraft wait {run_id}{place.where or ''}"


async def _until_quiet(
    place: RunPlace, run_id: str, timeout_s: float | None, watcher: Watcher, news: RunNews
) -> bool:
    """Show what happens until nothing moves the run on any more; False after `timeout_s`."""
    from flowcraft_engine.execution.standing import is_left

    loop = asyncio.get_running_loop()
    deadline = None if timeout_s is None else loop.time() + timeout_s
    last_answer = loop.time()
    blockade = Blockade(watcher)
    while True:
        try:
            has_news = await news.look()
            if await is_left(place.store, run_id):
                await news.settle()
                return True
            if not has_news and place.fleet is not None and not isinstance(watcher, SilentWatcher):
                blockade.note(await place.fleet.blocked(run_id), loop.time())
            last_answer = loop.time()
        except BackendError:
            if loop.time() - last_answer > _PATIENCE_S:
                raise
        except NotFoundError as error:
            raise NotFoundError(
                f"run {run_id} is gone: its server has come back without it, or somebody has pruned it",
                hint=f"the same id starts it again: flowcraft run FILE --run-id {run_id}",
            ) from error
        left = _LOOK_S if deadline is None else min(_LOOK_S, deadline - loop.time())
        if left <= 0:
            return False
        await place.store.await_news(news.open_runs, left)
        await asyncio.sleep(_TOGETHER_S)


class Blockade:
    """What no worker fits, told to the watcher when that has lasted for a while, and when it is over."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._since: float | None = None

    def note(self, waits: Sequence[WaitingNode], now: float) -> None:
        if not waits:
            self._since = None
        elif self._since is None:
            self._since = now
        if self._since is None or now - self._since >= _BLOCKED_S:
            self._watcher.on_blocked(waits)
