"""From Dramatiq's threads to one event loop and back. A thread waits until its job is done there."""

from __future__ import annotations

import asyncio
import logging
from _thread import LockType, allocate_lock
from collections import deque
from collections.abc import Awaitable, Callable

from flowcraft_engine.backends.dramatiq.delivery import Delivery
from flowcraft_engine.stores.job_queue import JobPayload

OnJob = Callable[[JobPayload], Awaitable[None]]

_log = logging.getLogger("flowcraft.queue")


class Handover:
    """`run` belongs to the threads, all else to the loop. One call into the loop takes over all that wait."""

    def __init__(self, loop: asyncio.AbstractEventLoop, on_job: OnJob) -> None:
        self._loop = loop
        self._on_job = on_job
        self._inbox: deque[tuple[Delivery, LockType]] = deque()
        self._called = False
        self._closed = False
        self._tasks: dict[asyncio.Task[None], tuple[Delivery, LockType]] = {}
        self._idle = asyncio.Event()
        self._idle.set()

    def run(self, delivery: Delivery) -> None:
        """Return when the job is done, failed, or handed back. Never raises, so Dramatiq always acknowledges."""
        done = allocate_lock()
        done.acquire()
        self._inbox.append((delivery, done))
        if not self._call():
            delivery.handed_back = True
            return
        done.acquire()

    async def drain(self, timeout_s: float) -> None:
        """Take nothing more; let the jobs end; interrupt and hand back those that do not within the time."""
        self._closed = True
        self._take_over()
        try:
            await asyncio.wait_for(self._idle.wait(), max(0.0, timeout_s))
        except TimeoutError:
            for task, (delivery, done) in list(self._tasks.items()):
                task.cancel()
                self._end(task, delivery, done, handed_back=True)

    def _call(self) -> bool:
        if not self._called:
            self._called = True
            try:
                self._loop.call_soon_threadsafe(self._take_over)
            except RuntimeError:  # the loop is closed
                return False
        return True

    def _take_over(self) -> None:
        self._called = False
        while self._inbox:
            delivery, done = self._inbox.popleft()
            if self._closed:
                delivery.handed_back = True
                done.release()
                continue
            task = self._loop.create_task(self._work(delivery, done))
            self._tasks[task] = delivery, done
            self._idle.clear()

    async def _work(self, delivery: Delivery, done: LockType) -> None:
        handed_back = False
        try:
            await self._on_job(delivery.job)
        except asyncio.CancelledError:
            handed_back = True
            raise
        except Exception:
            # Whatever it is, the message has done its duty: the state of the run knows what is still to be done.
            _log.exception(
                "The job of %s in run %s failed in the engine; the run will be looked at again.",
                delivery.job.instance,
                delivery.job.run_id,
            )
        finally:
            task = asyncio.current_task()
            assert task is not None
            self._end(task, delivery, done, handed_back=handed_back)

    def _end(
        self, task: asyncio.Task[None], delivery: Delivery, done: LockType, *, handed_back: bool
    ) -> None:
        """Let the thread go, once."""
        if self._tasks.pop(task, None) is None:
            return
        delivery.handed_back = handed_back
        done.release()
        if not self._tasks:
            self._idle.set()
