"""From the threads of consumers to one event loop. What came there is told to the server from the loop, too."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from flowcraft_engine.backends.dramatiq.delivery import Delivery
from flowcraft_engine.backends.dramatiq.intake import Intake
from flowcraft_engine.backends.dramatiq.receipts import Receipts
from flowcraft_engine.stores.job_queue import JobPayload
from flowcraft_engine.task import new_task

OnJob = Callable[[JobPayload], Awaitable[None]]

_log = logging.getLogger("flowcraft.queue")


class Handover:
    """`take` belongs to the threads, all else to the loop. One call into the loop takes over all that wait there.

    At most `limit` jobs are looked at by `on_job` at a time; the others wait here, and are given back when the
    `intake` is closed.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        on_job: OnJob,
        *,
        limit: int,
        intake: Intake,
        receipts: Receipts,
    ) -> None:
        self._loop = loop
        self._on_job = on_job
        self._limit = limit
        self._intake = intake
        self._receipts = receipts
        self._inbox: deque[Delivery] = deque()
        self._called = False
        self._tasks: dict[asyncio.Task[None], Delivery] = {}
        self._idle = asyncio.Event()
        self._idle.set()

    def take(self, deliveries: Sequence[Delivery]) -> bool:
        """See to these jobs soon; false if the loop is closed: nobody will see to anything any more.

        May be called without jobs, to find that out: a loop may be closed after it was told of some.
        """
        if deliveries and not self._loop.is_closed():
            self._inbox.extend(deliveries)
            if not self._called:
                self._called = True
                with contextlib.suppress(RuntimeError):  # closed just now
                    self._loop.call_soon_threadsafe(self._take_over)
        if not self._loop.is_closed():
            return True
        if not self._intake.paused:
            _log.error(
                "The event loop that executed jobs is closed: they go back, and no more are taken here."
            )
            self._intake.paused = True
            self._intake.wake_all()
        return False

    def give_back(self) -> None:
        """Give back what was not begun."""
        while self._inbox:
            self._settle(self._inbox.popleft(), handed_back=True)

    async def drain(self, timeout_s: float) -> None:
        """Let the jobs end, with a closed intake; interrupt and give back those that do not within the time."""
        self.give_back()
        try:
            await asyncio.wait_for(self._idle.wait(), max(0.0, timeout_s))
        except TimeoutError:
            for task in list(self._tasks):
                task.cancel()
                self._end(task, handed_back=True)

    def _take_over(self) -> None:
        self._called = False
        self._begin()

    def _begin(self) -> None:
        """Begin what waits, as far as the limit allows."""
        if self._intake.closed:
            self.give_back()
        while self._inbox and len(self._tasks) < self._limit:
            delivery = self._inbox.popleft()
            self._tasks[new_task(self._work(delivery), self._loop)] = delivery
            self._idle.clear()

    async def _work(self, delivery: Delivery) -> None:
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
            self._end(task, handed_back=handed_back)

    def _end(self, task: asyncio.Task[None], *, handed_back: bool) -> None:
        """Let the message go, once, and begin what has waited for the place."""
        delivery = self._tasks.pop(task, None)
        if delivery is None:
            return
        self._settle(delivery, handed_back=handed_back)
        if self._inbox:
            self._begin()
        if not self._tasks:
            self._idle.set()

    def _settle(self, delivery: Delivery, *, handed_back: bool) -> None:
        delivery.handed_back = handed_back
        delivery.holder.answered(delivery.id)
        self._receipts.put(delivery)
