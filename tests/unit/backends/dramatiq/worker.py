"""A consumer that remembers what it was given."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from flowcraft_engine.backends.dramatiq import JobConsumer
from flowcraft_engine.stores.job_queue import JobPayload

PATIENCE_S = 60.0


class Work:
    """`then` is what each job does after it was written down."""

    def __init__(self, then: Callable[[JobPayload], Awaitable[None]] | None = None) -> None:
        self.seen: list[JobPayload] = []
        self._then = then
        self._arrived = asyncio.Condition()

    async def __call__(self, job: JobPayload) -> None:
        async with self._arrived:
            self.seen.append(job)
            self._arrived.notify_all()
        if self._then is not None:
            await self._then(job)

    async def until(self, count: int, patience_s: float = PATIENCE_S) -> list[JobPayload]:
        """What was seen, as soon as it is so much."""
        async with asyncio.timeout(patience_s), self._arrived:
            await self._arrived.wait_for(lambda: len(self.seen) >= count)
        return self.seen

    @property
    def runs(self) -> list[str]:
        return [job.run_id for job in self.seen]


def jobs(count: int, first: int = 0) -> list[JobPayload]:
    return [JobPayload(f"run-{number}", "a", "flow@1.0.0") for number in range(first, first + count)]


@asynccontextmanager
async def consuming(url: str, work: Work, **options: Any) -> AsyncIterator[JobConsumer]:
    consumer = JobConsumer(url, work, **options)
    consumer.start(asyncio.get_running_loop())
    try:
        yield consumer
    finally:
        await consumer.stop(2)


async def eventually(holds: Callable[[], Awaitable[bool]], patience_s: float = PATIENCE_S) -> None:
    """Return when it holds. For what happens in other processes or on the server, where no event tells."""
    async with asyncio.timeout(patience_s):
        while not await holds():
            await asyncio.sleep(0.02)
