"""Where the time comes from: an argument of whatever needs it, so that tests move it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Protocol

#: How long a clock that jumps leaves to what is under way, and how long to what is known to be under way.
_MOMENT_S = 0.002
_PATIENCE_S = 1.0


class Clock(Protocol):
    def now(self) -> float:
        """Seconds since the epoch."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Return when `seconds` have passed on this clock."""
        ...


class SystemClock:
    """The time of this machine."""

    now = staticmethod(time.time)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class ManualClock:
    """A clock that stands still until a test moves it.

    With `jumps=True` it moves by itself to the next moment that somebody sleeps until, as soon as all else is
    quiet: hours of timers pass in no time, in the right order. What is under way has a moment of real time; with
    `await_work` as long as it needs, up to a second, for what hangs may be there to be timed out.
    """

    def __init__(self, start: float = 1_700_000_000.0, *, jumps: bool = False) -> None:
        self._now = start
        self._jumps = jumps
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []
        self._is_busy: Callable[[], bool] | None = None

    def await_work(self, is_busy: Callable[[], bool]) -> None:
        """Let time jump only when `is_busy` says that nothing is under way."""
        self._is_busy = is_busy

    def now(self) -> float:
        return self._now

    async def sleep(self, seconds: float) -> None:
        wake: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self._now + seconds, wake))
        if self._jumps:
            await self._jump_when_quiet(wake)
        await wake

    def advance(self, seconds: float) -> None:
        """Move on; those whose time has come wake up in order."""
        self._now += seconds
        due = sorted((sleeper for sleeper in self._sleepers if sleeper[0] <= self._now), key=lambda it: it[0])
        self._sleepers = [sleeper for sleeper in self._sleepers if sleeper[0] > self._now]
        for _, wake in due:
            if not wake.done():
                wake.set_result(None)

    def _has_work(self) -> bool:
        return self._is_busy is not None and self._is_busy()

    async def _jump_when_quiet(self, wake: asyncio.Future[None]) -> None:
        # Real time for whatever is under way, such as threads, before time moves.
        await asyncio.sleep(_MOMENT_S)
        patience = time.monotonic() + _PATIENCE_S
        while self._has_work() and time.monotonic() < patience:  # noqa: ASYNC110  # nobody tells of the end
            await asyncio.sleep(_MOMENT_S)
        self._sleepers = [sleeper for sleeper in self._sleepers if not sleeper[1].done()]
        if not wake.done() and self._sleepers:
            self.advance(max(0.0, min(due for due, _ in self._sleepers) - self._now))
