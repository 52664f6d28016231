"""`DramatiqRedisAdapter`: a fleet whose runs are kept in Redis and whose jobs travel as Dramatiq messages."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from flowcraft_engine.backends.dramatiq.job_consumer import JobConsumer
from flowcraft_engine.backends.dramatiq.job_queue import DramatiqJobQueue
from flowcraft_engine.backends.redis.address import RedisAddress, broker_address
from flowcraft_engine.backends.redis.connection import RedisAwayError
from flowcraft_engine.backends.redis.examination import examine, require_usable
from flowcraft_engine.backends.redis.fleet import RedisFleet
from flowcraft_engine.backends.redis.link import Link
from flowcraft_engine.backends.redis.store import RedisCoordinationStore
from flowcraft_engine.check import Check
from flowcraft_engine.distributed.adapter import BaseDistributedAdapter, Consumer, OnJob, Ports
from flowcraft_engine.distributed.lease_keeper import Lease
from flowcraft_engine.errors import UsageError
from flowcraft_engine.failpoints import VARIABLE, arm_from_environment

DEFAULT_URL = "redis://127.0.0.1:6379/0"
#: A few serve many jobs: each is claimed in a round trip, and then executed on the event loop.
DEFAULT_THREADS = 8
CLIENT_PATIENCE_S = 5.0
_BOOT_PAUSE_S = 1.0

_log = logging.getLogger("flowcraft.worker")


class DramatiqRedisAdapter(BaseDistributedAdapter):
    """A client of a fleet, and a worker of it after `start`.

        async with DramatiqRedisAdapter("redis://localhost:6379/0") as fleet:
            run_id = await fleet.start_run(blueprint, {"order": {"total": 5}})
            result = await fleet.wait(run_id)

    `redis_url` is where runs are kept; messages travel through `broker_url`, by default the next database of the
    same server. A client gives up after `patience_s` without a server and raises `BackendError`; a worker waits until
    it is back. Refuses a server on another machine without a password or TLS, unless `insecure`, and one that evicts
    keys. Other arguments: see `BaseDistributedAdapter`.
    """

    def __init__(
        self,
        redis_url: str | RedisAddress = DEFAULT_URL,
        *,
        broker_url: str | None = None,
        namespace: str = "flowcraft",
        threads: int = DEFAULT_THREADS,
        insecure: bool = False,
        is_worker: bool = False,
        patience_s: float = CLIENT_PATIENCE_S,
        **more: Any,
    ) -> None:
        super().__init__(**more)
        self._address = RedisAddress.parse(redis_url) if isinstance(redis_url, str) else redis_url
        self._broker = broker_address(self._address, broker_url)
        self._namespace = namespace
        self._threads = threads
        self._insecure = insecure
        self._is_worker = is_worker
        self._patience_s = patience_s

    async def _connect(self) -> Ports:
        for address in (self._address, self._broker):
            address.require_safe(insecure=self._insecure)
        self._arm_failpoints()
        store = RedisCoordinationStore(self._link(), namespace=self._namespace)
        fleet = RedisFleet(store, lost_after_ms=int(self.options.lost_after_s * 1000))
        clock = store.server_clock
        queue = DramatiqJobQueue(self._broker.url, namespace=self._namespace, clock=clock)
        # Nothing may be judged by this machine's clock, so the server is heard first.
        clock.hear_time(await store.link.call("TIME"))
        if self._is_worker:
            require_usable(await self._examined())
        queue.open_soon()
        return Ports(store, fleet, queue, clock)

    async def _examined(self) -> list[Check]:
        """What is to be said about the servers; waits for one that is away, as a worker does at any time."""
        while True:
            try:
                return await examine(self._address, self._broker, insecure=self._insecure)
            except RedisAwayError as error:
                _tell_outage(error.message)
                await asyncio.sleep(_BOOT_PAUSE_S)

    def _arm_failpoints(self) -> None:
        """For tests of this engine only: never where the runs of anybody else are at stake."""
        spec = os.environ.get(VARIABLE)
        if not spec:
            return
        if not (self._address.is_loopback and self._broker.is_loopback):
            raise UsageError(f"{VARIABLE} is set, and Redis is on another machine", hint=f"unset {VARIABLE}")
        arm_from_environment()
        _log.warning("%s: this process will die on purpose (%s)", VARIABLE, spec)

    def _link(self) -> Link:
        patience_s = None if self._is_worker else self._patience_s
        # Whoever waits for less than a moment need not be told that it waits.
        on_outage = _tell_outage if patience_s is None or patience_s >= CLIENT_PATIENCE_S else None
        return Link(self._address, patience_s=patience_s, on_outage=on_outage)

    def _make_consumer(self, on_job: OnJob, queues: Sequence[str], room: Callable[[], int]) -> Consumer:
        return JobConsumer(
            self._broker.url,
            on_job,
            queues=queues,
            threads=self._threads,
            namespace=self._namespace,
            room=room,
        )

    def _open_lease(self) -> AbstractAsyncContextManager[Lease]:
        return self._lease()

    @asynccontextmanager
    async def _lease(self) -> AsyncIterator[Lease]:
        store = RedisCoordinationStore(Link(self._address, patience_s=None), namespace=self._namespace)
        try:
            yield RedisFleet(store)
        finally:
            await store.close()


def _tell_outage(why: str | None) -> None:
    if why is None:
        _log.warning("Redis is back; going on")
    else:
        _log.warning("%s; waiting for it to come back", why)
