"""The consumer's side: a real `dramatiq.Worker` in this process, whose jobs run on an event loop.

    queue on Redis → consumer thread → (Handover) → on_job on the loop → acknowledged from there (Receipts)

Dramatiq's worker threads would only wait for the loop, so there are none: its consumer threads hand over themselves.

A job is acknowledged when `on_job` returns, so `on_job` should return as soon as the job is claimed: from then on
the lease in the run's state guards it. Delivery is at least once: a job comes again when this process dies, or is
given up by the others because its clock or its silence (15 s) makes it look dead.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Sequence
from threading import Thread
from typing import Final

import dramatiq
from redis.exceptions import RedisError

from flowcraft_engine.backends.dramatiq.broker import HEARTBEAT_TIMEOUT_MS, HardenedBroker, prefetch_of
from flowcraft_engine.backends.dramatiq.delivery import Delivery
from flowcraft_engine.backends.dramatiq.handover import Handover, OnJob
from flowcraft_engine.backends.dramatiq.intake import Intake
from flowcraft_engine.backends.dramatiq.layout import DEFAULT_QUEUE, Layout, checked_queue
from flowcraft_engine.backends.dramatiq.message import new_id
from flowcraft_engine.backends.dramatiq.receipts import Receipts
from flowcraft_engine.backends.redis.address import RedisAddress
from flowcraft_engine.backends.redis.connection import backend_error
from flowcraft_engine.backends.redis.link import Link

#: How often idle threads look whether they should end.
_LOOK_MS: Final = 250
#: What the goodbye to Redis may take beyond the time given for the jobs.
_GOODBYE_S: Final = 3.0

_log = logging.getLogger("flowcraft.queue")


class JobConsumer:
    """Takes jobs from queues and gives them to `on_job`, `threads` at a time at most, as that many threads would.

    `name` must be new for each start. `room`, called by a thread, tells how many more jobs the process has places
    for: messages beyond that stay in the queue, for others; call `nudge` when the answer grows.
    """

    def __init__(
        self,
        address: str,
        on_job: OnJob,
        *,
        queues: Sequence[str] = (DEFAULT_QUEUE,),
        threads: int = 8,
        name: str | None = None,
        namespace: str = "flowcraft",
        room: Callable[[], int] | None = None,
        heartbeat_timeout_ms: int = HEARTBEAT_TIMEOUT_MS,
    ) -> None:
        self._address = RedisAddress.parse(address)
        self._on_job = on_job
        self._queues = [checked_queue(queue) for queue in queues]
        self._at_once = threads
        self._intake = Intake(room)
        self._link: Link | None = None
        self._receipts: Receipts | None = None
        self._handover: Handover | None = None
        self.name = name or new_id(0)
        self._broker = HardenedBroker(
            address,
            name=self.name,
            layout=Layout(namespace),
            intake=self._intake,
            threads=threads,
            hand_over=self._hand_over,
            heartbeat_timeout_ms=heartbeat_timeout_ms,
        )
        self._worker = dramatiq.Worker(self._broker, worker_threads=0, worker_timeout=_LOOK_MS)
        self._worker.queue_prefetch = prefetch_of(threads)

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to take jobs. Returns at once, and needs no Redis to be there: the threads wait for it."""
        self._link = Link(self._address)
        self._receipts = Receipts(self._link)
        self._handover = Handover(
            loop, self._on_job, limit=self._at_once, intake=self._intake, receipts=self._receipts
        )
        for queue in self._queues:
            self._broker.declare_queue(queue)
        self._worker.start()

    def add_queue(self, name: str) -> None:
        """Take jobs from one more queue."""
        self._broker.declare_queue(checked_queue(name))

    @property
    def queues(self) -> frozenset[str]:
        return frozenset(self._broker.queues)

    def nudge(self) -> None:
        """There may be room for more jobs."""
        self._intake.room_grew()

    def pause(self) -> None:
        """Take no more jobs; what was taken and not begun goes back to its queue, in the background."""
        self._intake.paused = True
        self._intake.wake_all()
        if self._handover is not None:
            self._handover.give_back()

    def resume(self) -> None:
        self._intake.paused = False
        self._intake.wake_all()

    async def stop(self, timeout_s: float) -> None:
        """Take no more jobs, wait for those under way, give back the rest, say goodbye to Redis.

        Jobs that are not done in time are cancelled and go back to their queue. Never takes longer than
        `timeout_s` + 3 s, even if Redis does not answer: then others take what is left when our heartbeat is
        missed. May be called twice.
        """
        if self._intake.stopped or self._handover is None:
            return
        self._intake.stopped = True
        self.pause()
        await self._handover.drain(timeout_s)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GOODBYE_S):
                await self._say_goodbye()
        assert self._link is not None
        await self._link.close()

    def _hand_over(self, deliveries: Sequence[Delivery]) -> bool:
        assert self._handover is not None  # there is no consumer before
        return self._handover.take(deliveries)

    async def _say_goodbye(self) -> None:
        assert self._receipts is not None
        loop = asyncio.get_running_loop()
        gone = asyncio.Event()
        try:
            await self._receipts.flush()
        finally:
            # Also if Redis is away and nobody waits any more: only this ends the consumers' threads.
            Thread(target=self._leave, args=(loop, gone), name="flowcraft-goodbye", daemon=True).start()
        await gone.wait()
        await self._receipts.flush()  # of what a thread has brought on its way out

    def _leave(self, loop: asyncio.AbstractEventLoop, gone: asyncio.Event) -> None:
        try:
            self._worker.stop(timeout=int(_GOODBYE_S * 1000))
            self._broker.leave()
        except RedisError as error:
            reason = backend_error(self._address, error).message
            _log.warning("%s; others take over when our heartbeat is missed", reason)
        finally:
            self._broker.close()
            with contextlib.suppress(RuntimeError):  # nobody waits any more
                loop.call_soon_threadsafe(gone.set)
