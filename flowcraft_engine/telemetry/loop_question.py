"""Questions to an event loop from another thread, answered in time or not at all."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class LoopQuestion(Generic[T]):
    """`ask` may be called from any threads; while an answer is outstanding, no further question goes out.

    A question that comes too late is not cancelled: it may be in the middle of talking to a server.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, answer: Callable[[], Awaitable[T]]) -> None:
        self._loop = loop
        self._answer = answer
        self._lock = threading.Lock()
        self._pending: concurrent.futures.Future[T] | None = None

    def ask(self, timeout_s: float) -> T | None:
        """The answer; None if there is none within `timeout_s`, or if it failed."""
        with self._lock:
            pending = self._pending
            if pending is None or pending.done():
                coroutine = self._ask()
                try:
                    pending = self._pending = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
                except RuntimeError:  # the loop has been closed
                    coroutine.close()
                    return None
        try:
            return pending.result(timeout_s)
        except (Exception, concurrent.futures.CancelledError):
            return None  # whatever it is: a scrape without these figures is better than none

    async def _ask(self) -> T:
        return await self._answer()
