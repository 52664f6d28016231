"""A queue whose messages are lost, doubled, late and out of order: everything that a message may be."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from flowcraft_engine.distributed.publisher import QueueOfQueues
from flowcraft_engine.stores.job_queue import JobPayload


@dataclass
class QueueFaults:
    """How likely each accident is, for each message; the same seed makes the same choices."""

    seed: int
    lost: float = 0.15
    doubled: float = 0.3
    late: float = 0.3
    happened: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)


class FaultyQueue:
    """Stands before a real queue."""

    def __init__(self, queue: QueueOfQueues, faults: QueueFaults) -> None:
        self._queue = queue
        self._faults = faults
        self._late: set[asyncio.Task[None]] = set()

    async def publish(self, jobs: Sequence[JobPayload], *, queue: str | None = None) -> None:
        faults = self._faults
        sent: list[JobPayload] = []
        for job in jobs:
            if faults.random.random() < faults.lost:
                faults.happened["lost"] += 1
                continue
            copies = 1
            if faults.random.random() < faults.doubled:
                faults.happened["doubled"] += 1
                copies = faults.random.randint(2, 4)
            for _ in range(copies):
                if faults.random.random() < faults.late:
                    faults.happened["late"] += 1
                    self._send_late(job, queue)
                else:
                    sent.append(job)
        faults.random.shuffle(sent)
        await self._queue.publish(sent, queue=queue)

    def _send_late(self, job: JobPayload, queue: str | None) -> None:
        async def send(delay: float) -> None:
            await asyncio.sleep(delay)
            await self._queue.publish([job], queue=queue)

        task = asyncio.get_running_loop().create_task(send(self._faults.random.uniform(0, 0.05)))
        self._late.add(task)
        task.add_done_callback(self._late.discard)

    async def head_time(self, queue: str | None = None) -> float | None:
        return await self._queue.head_time(queue)

    async def depth(self, queue: str | None = None) -> int:
        return await self._queue.depth(queue)

    async def close(self) -> None:
        for task in self._late:
            task.cancel()
        await self._queue.close()
