"""The port of the queue. A job is a hint: it may be lost, doubled or late, and only latency changes."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class JobPayload:
    """Somebody should look at this instance. `blueprint` (id@version) is a hint for routing."""

    run_id: str
    instance: str
    blueprint: str = ""
    version: int = 1


class JobQueue(Protocol):
    async def publish(self, jobs: Sequence[JobPayload]) -> None:
        """Hand out jobs, at least once while the queue lives. Never blocks on their execution."""
        ...


class MemoryJobQueue:
    """The queue of one process: first in, first out, gone with the process. Belongs to one event loop."""

    def __init__(self) -> None:
        self._jobs: deque[tuple[str, str]] = deque()
        self._arrived = asyncio.Event()

    def __len__(self) -> int:
        return len(self._jobs)

    async def publish(self, jobs: Sequence[JobPayload]) -> None:
        for job in jobs:
            self.put(job.run_id, (job.instance,))

    def put(self, run_id: str, instances: Iterable[str]) -> None:
        """`publish`, for those who are in this process."""
        self._jobs.extend((run_id, instance) for instance in instances)
        self._arrived.set()

    async def wait(self) -> None:
        """Return when jobs have come, or `nudge` was called, since the last time."""
        await self._arrived.wait()
        self._arrived.clear()

    def nudge(self) -> None:
        """Let whoever waits look again, if there is anything to look at."""
        if self._jobs:
            self._arrived.set()

    def take(self, limit: int) -> dict[str, list[str]]:
        """Up to `limit` jobs, the oldest first, as instances by run."""
        taken: defaultdict[str, list[str]] = defaultdict(list)
        for _ in range(min(limit, len(self._jobs))):
            run_id, instance = self._jobs.popleft()
            taken[run_id].append(instance)
        return taken

    def take_of_another_run(self, run_id: str) -> tuple[str, str] | None:
        """The oldest job, unless there is none or it belongs to `run_id`."""
        if not self._jobs or self._jobs[0][0] == run_id:
            return None
        return self._jobs.popleft()
