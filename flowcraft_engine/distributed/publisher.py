"""Publishes jobs after the commits that made them: many in one go, each to the queue of its blueprint."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Protocol

from flowcraft_engine.errors import BackendError, NotFoundError
from flowcraft_engine.failpoints import failpoint
from flowcraft_engine.stores.coordination_store import CoordinationStore
from flowcraft_engine.stores.job_queue import JobPayload
from flowcraft_engine.stores.queue_names import queue_of

_log = logging.getLogger("flowcraft.worker")


class QueueOfQueues(Protocol):
    """A job queue that has several, by name."""

    async def publish(self, jobs: Sequence[JobPayload], *, queue: str | None = None) -> None: ...

    async def head_time(self, queue: str | None = None) -> float | None:
        """When the message at the head was published, in seconds since the epoch; None for an empty queue."""
        ...

    async def depth(self, queue: str | None = None) -> int: ...

    async def close(self) -> None: ...


class Publisher:
    """What cannot be published now is not lost: the state still says so, and a sweeper finds it."""

    def __init__(self, store: CoordinationStore, queue: QueueOfQueues) -> None:
        self._store = store
        self._queue = queue
        self._waiting: dict[str, list[str]] = {}
        self._flush: asyncio.Task[None] | None = None

    def put(self, run_id: str, instances: Iterable[str]) -> None:
        """Publish soon: what comes in the same turn of the event loop goes together."""
        self._waiting.setdefault(run_id, []).extend(instances)
        if self._flush is None:
            self._flush = asyncio.get_running_loop().create_task(self._publish_waiting())

    async def flush(self) -> None:
        """Return when everything that was put was sent, or given up."""
        while self._flush is not None:
            await asyncio.shield(self._flush)

    async def publish(self, jobs: Iterable[JobPayload]) -> None:
        """Publish now. Raises `BackendError`."""
        by_queue: defaultdict[str, list[JobPayload]] = defaultdict(list)
        for job in jobs:
            try:
                plan = (await self._store.facts(job.run_id)).plan
            except NotFoundError:
                continue  # retired meanwhile
            blueprint = plan.blueprint
            hint = blueprint.id if blueprint.version is None else f"{blueprint.id}@{blueprint.version}"
            by_queue[queue_of(blueprint, plan.digest)].append(JobPayload(job.run_id, job.instance, hint))
        for queue, its_jobs in by_queue.items():
            await self.publish_to(queue, its_jobs)

    async def publish_to(self, queue: str, jobs: Sequence[JobPayload]) -> None:
        failpoint("publish.pre")
        await self._queue.publish(jobs, queue=queue)
        failpoint("publish.done")

    async def _publish_waiting(self) -> None:
        try:
            while self._waiting:
                waiting, self._waiting = self._waiting, {}
                jobs = [JobPayload(run_id, name) for run_id, names in waiting.items() for name in names]
                try:
                    await self.publish(jobs)
                except BackendError as error:
                    _log.warning("%d jobs could not be published, a sweep will: %s", len(jobs), error)
        finally:
            self._flush = None
