"""The consumer's side: a real `dramatiq.Worker` in this process, whose jobs run on an event loop.

    queue on Redis → consumer thread → worker thread → (Handover) → on_job on the loop → acknowledged

A job is acknowledged when `on_job` returns, so `on_job` should return as soon as the job is claimed: from then on
the lease in the run's state guards it. Delivery is at least once: a job comes again when this process dies, or is
given up by the others because its clock or its silence (15 s) makes it look dead.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Iterable, Sequence
from queue import Empty
from threading import Thread
from typing import Final

import dramatiq
from redis.exceptions import RedisError

from flowcraft_engine.backends.dramatiq.broker import HEARTBEAT_TIMEOUT_MS, HardenedBroker, prefetch_of
from flowcraft_engine.backends.dramatiq.handover import Handover, OnJob
from flowcraft_engine.backends.dramatiq.intake import Intake
from flowcraft_engine.backends.dramatiq.layout import ACTOR, DEFAULT_QUEUE, Layout, checked_queue
from flowcraft_engine.backends.dramatiq.message import new_id

#: How often idle threads look whether they should end.
_LOOK_MS: Final = 250
#: What the goodbye to Redis may take beyond the time given for the jobs.
_GOODBYE_S: Final = 3.0

_log = logging.getLogger("flowcraft.queue")


class JobConsumer:
    """Takes jobs from queues and gives them to `on_job`, `threads` at a time at most.

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
        self._on_job = on_job
        self._queues = [checked_queue(queue) for queue in queues]
        self._intake = Intake(room)
        self._handover: Handover | None = None
        self.name = name or new_id(0)
        self._broker = HardenedBroker(
            address,
            name=self.name,
            layout=Layout(namespace),
            intake=self._intake,
            threads=threads,
            heartbeat_timeout_ms=heartbeat_timeout_ms,
        )
        self._worker = dramatiq.Worker(self._broker, worker_threads=threads, worker_timeout=_LOOK_MS)
        self._worker.queue_prefetch = prefetch_of(threads)

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to take jobs. Returns at once, and needs no Redis to be there: the threads wait for it."""
        self._handover = Handover(loop, self._on_job)
        dramatiq.Actor(
            self._handover.run,
            broker=self._broker,
            actor_name=ACTOR,
            queue_name=self._queues[0],
            priority=0,
            options={},
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
        self._intake.nudge()

    def pause(self) -> None:
        """Take no more jobs; what was taken and not begun goes back to its queue, in the background."""
        self._intake.paused = True
        self._intake.nudge()
        Thread(target=self._give_back, name="flowcraft-give-back", daemon=True).start()

    def resume(self) -> None:
        self._intake.paused = False
        self._intake.nudge()

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
        loop = asyncio.get_running_loop()
        gone = asyncio.Event()
        Thread(target=self._goodbye, args=(loop, gone), name="flowcraft-goodbye", daemon=True).start()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(gone.wait(), _GOODBYE_S)

    def _give_back(self) -> None:
        by_queue: dict[str, list[dramatiq.MessageProxy]] = {}
        with contextlib.suppress(Empty):
            while True:
                message = self._worker.work_queue.get_nowait().message
                by_queue.setdefault(message.queue_name, []).append(message)
        for queue, messages in by_queue.items():
            self._consumer_gives_back(queue, messages)

    def _consumer_gives_back(self, queue: str, messages: Iterable[dramatiq.MessageProxy]) -> None:
        consumer = self._worker.consumers[queue].consumer
        assert consumer is not None  # it has brought these messages
        consumer.requeue(messages)

    def _goodbye(self, loop: asyncio.AbstractEventLoop, gone: asyncio.Event) -> None:
        try:
            self._worker.stop(timeout=int(_GOODBYE_S * 1000))
            self._broker.leave()
        except RedisError as error:
            _log.warning("Redis does not answer (%s): others take over when our heartbeat is missed.", error)
        finally:
            self._broker.close()
            with contextlib.suppress(RuntimeError):  # nobody waits any more
                loop.call_soon_threadsafe(gone.set)
