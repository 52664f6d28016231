"""The queue between the processes: a list of messages that may be lost, doubled, and delivered in any order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flowcraft_engine.stores.job_queue import JobPayload
from tests.interleaving.road import Road


@dataclass(frozen=True, slots=True)
class Message:
    job: JobPayload
    published_at: float


class Messages:
    """What is in the queue now."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.waiting: list[Message] = []

    def add(self, jobs: Sequence[JobPayload]) -> None:
        self.waiting += [Message(job, self._now()) for job in jobs]

    def head_time(self) -> float | None:
        return min((message.published_at for message in self.waiting), default=None)


class QueueView:
    """The queue as one process reaches it."""

    def __init__(self, messages: Messages, road: Road) -> None:
        self._messages = messages
        self._road = road

    async def publish(self, jobs: Sequence[JobPayload], *, queue: str | None = None) -> None:
        for job in jobs:
            # One by one: a process may die between two of them.
            await self._road.travel(f"publish {job.instance}", lambda job=job: self._messages.add([job]))

    async def head_time(self, queue: str | None = None) -> float | None:
        head: float | None = await self._road.travel("head_time", self._messages.head_time)
        return head

    async def depth(self, queue: str | None = None) -> int:
        return len(self._messages.waiting)

    async def close(self) -> None:
        return
