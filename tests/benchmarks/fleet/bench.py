"""A real server for measurements, and what a client does there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from flowcraft_engine import Blueprint
from flowcraft_engine.backends.dramatiq.adapter import DramatiqRedisAdapter
from flowcraft_engine.backends.redis.address import broker_address
from flowcraft_engine.backends.redis.connection import connect_blocking
from flowcraft_engine.backends.redis.embedded import EmbeddedRedis
from flowcraft_engine.backends.redis.keys import Keys
from flowcraft_engine.distributed.adapter import Ports
from flowcraft_engine.distributed.publisher import QueueOfQueues
from flowcraft_engine.stores.job_queue import JobPayload

KEYS = Keys("flowcraft")
_POLL_S = 0.002
_PATIENCE_S = 300.0


class Bench:
    """One server, and a connection to it that reads without disturbing anybody."""

    def __init__(self, server: EmbeddedRedis) -> None:
        self.server = server
        self.url = server.address.url
        #: Where the messages are.
        self.broker = broker_address(server.address, None)
        self.client = connect_blocking(server.address)
        self._polls = 0

    @property
    def pid(self) -> int:
        """The server's."""
        return int(self.client.info("server")["process_id"])

    def url_at(self, port: int) -> str:
        """The server through something else that listens on this machine."""
        return replace(self.server.address, port=port).url

    def empty(self) -> None:
        self.client.flushall()

    def start(self, blueprint: Blueprint, count: int = 1, inputs: Mapping[str, Any] | None = None) -> None:
        """Start runs, as a client of the fleet does."""
        asyncio.run(self._start(blueprint, count, inputs))

    async def _start(self, blueprint: Blueprint, count: int, inputs: Mapping[str, Any] | None) -> None:
        async with DramatiqRedisAdapter(self.url) as fleet:
            for _ in range(count):
                await fleet.start_run(blueprint, inputs)

    def start_after(self, blueprint: Blueprint, pause_s: float) -> float:
        """Connect, be silent for a while, start a run; the moment at which its first jobs were sent."""

        async def start() -> float:
            async with _NotingAdapter(self.url) as fleet:
                await asyncio.sleep(pause_s)
                await fleet.start_run(blueprint)
                return fleet.sent_at

        return asyncio.run(start())

    def wait_for(self, runs: int) -> float:
        """The moment at which so many runs had ended, all well."""
        wait_until(lambda: self._finished() >= runs)
        moment = time.perf_counter()
        completed = self.client.zcard(KEYS.runs_with("completed"))
        if completed != runs:
            raise RuntimeError(f"{runs} runs were measured, and {completed} completed")
        return moment

    def executed(self) -> int:
        """Commands that the server has executed so far, those of scripts included, ours left out."""
        calls = sum(int(it["calls"]) for it in self.client.info("commandstats").values())
        return calls - self._polls

    def _finished(self) -> int:
        self._polls += 1
        return int(self.client.zcard(KEYS.finished))


class _NotingAdapter(DramatiqRedisAdapter):
    """Notes when it sends jobs."""

    sent_at = 0.0

    async def _connect(self) -> Ports:
        ports = await super()._connect()
        return replace(ports, queue=_NotingQueue(ports.queue, self))


class _NotingQueue:
    def __init__(self, queue: QueueOfQueues, adapter: _NotingAdapter) -> None:
        self._queue = queue
        self._adapter = adapter
        self.head_time, self.depth, self.close = queue.head_time, queue.depth, queue.close

    async def publish(self, jobs: Sequence[JobPayload], *, queue: str | None = None) -> None:
        self._adapter.sent_at = time.monotonic()
        await self._queue.publish(jobs, queue=queue)


def wait_until(
    is_so: Callable[[], object], patience_s: float = _PATIENCE_S, pause_s: float = _POLL_S
) -> None:
    deadline = time.monotonic() + patience_s
    while not is_so():
        if time.monotonic() > deadline:
            raise RuntimeError(f"what was measured did not end within {patience_s:g} s")
        time.sleep(pause_s)


@contextmanager
def bench(*, persistent: bool = False) -> Iterator[Bench]:
    with (
        TemporaryDirectory() as folder,
        EmbeddedRedis.start(Path(folder), persistent=persistent) as server,
    ):
        found = Bench(server)
        try:
            yield found
        finally:
            found.client.close()
