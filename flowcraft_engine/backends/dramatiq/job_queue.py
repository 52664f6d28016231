"""The producer's side: puts jobs into queues, and looks at queues. Lives on one event loop."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from flowcraft_engine.backends.dramatiq.dead_letters import DeadLetter, letter
from flowcraft_engine.backends.dramatiq.layout import DEFAULT_QUEUE, Layout, checked_queue
from flowcraft_engine.backends.dramatiq.message import encode, new_id, published_ms
from flowcraft_engine.backends.dramatiq.outgoing import AT_ONCE, Arguments, Outgoing
from flowcraft_engine.backends.redis.address import RedisAddress
from flowcraft_engine.backends.redis.link import Link
from flowcraft_engine.backends.redis.scripts import Script
from flowcraft_engine.clock import Clock, SystemClock
from flowcraft_engine.failpoints import failpoint
from flowcraft_engine.stores.job_queue import JobPayload

_PUBLISH: Final = Script.of("publish", Path(__file__).with_name("publish.lua").read_text(encoding="utf-8"))
#: How long a server may be away before a call fails; what was to be published is found by a sweep.
_PATIENCE_S: Final = 5.0


class DramatiqJobQueue:
    """Implements `JobQueue`. When `publish` returns, its jobs are in the queue, once for each time it was called.

    A queue's message tells by its id when it was published, by `clock`.
    """

    def __init__(
        self,
        address: str,
        *,
        namespace: str = "flowcraft",
        queue: str = DEFAULT_QUEUE,
        clock: Clock | None = None,
    ) -> None:
        # Every command here may be repeated.
        self._link = Link(RedisAddress.parse(address), patience_s=_PATIENCE_S)
        self._layout = Layout(namespace)
        self._queue = checked_queue(queue)
        self._clock = clock or SystemClock()
        self._outgoing: dict[str, Outgoing] = {}

    def open_soon(self) -> None:
        """Begin to connect, so that the first job need not wait for that."""
        self._link.open_soon()

    async def publish(self, jobs: Sequence[JobPayload], *, queue: str | None = None) -> None:
        """Put the jobs at the end of the queue, in their order. Those of many callers share a round trip."""
        queue = checked_queue(queue) if queue else self._queue
        now_ms = int(self._clock.now() * 1000)
        for begin in range(0, len(jobs), AT_ONCE):
            arguments: Arguments = []
            for job in jobs[begin : begin + AT_ONCE]:
                message_id = new_id(now_ms)
                arguments += (message_id, encode(job, queue=queue, message_id=message_id, now_ms=now_ms))
            await self._outgoing_to(queue).put(arguments)
            failpoint("publish.mid")

    async def head_time(self, queue: str | None = None) -> float | None:
        """When the message at the head was published; None if none waits.

        What was given back by a worker waits at the end and is older than what is before it: a head that is
        younger than a message means that the message was fetched, or was given back, or is lost.
        """
        head = await self._link.call("LINDEX", self._layout.ids(queue or self._queue), 0)
        return None if head is None else published_ms(head.decode(errors="replace")) / 1000

    async def depth(self, queue: str | None = None) -> int:
        """How many messages wait; those that workers hold are not counted."""
        return int(await self._link.call("LLEN", self._layout.ids(queue or self._queue)))

    async def bury(self, consumer: str) -> None:
        """Say that a consumer is dead, so that others need not wait until its heartbeat is missed."""
        await self._link.call("ZADD", self._layout.heartbeats, "XX", 1, consumer)

    async def dead_letters(self, limit: int = 100) -> list[DeadLetter]:
        """What could not be read, the newest first."""
        key = self._layout.dead_letters
        entries = await self._link.call("XREVRANGE", key, "+", "-", "COUNT", limit)
        return [letter(entry_id, dict(zip(flat[::2], flat[1::2], strict=True))) for entry_id, flat in entries]

    async def close(self) -> None:
        for outgoing in self._outgoing.values():
            await outgoing.close()
        await self._link.close()

    def _outgoing_to(self, queue: str) -> Outgoing:
        if queue not in self._outgoing:
            keys = [self._layout.ids(queue), self._layout.messages(queue)]
            self._outgoing[queue] = Outgoing(lambda jobs: self._link.run(_PUBLISH, keys, *jobs))
        return self._outgoing[queue]
