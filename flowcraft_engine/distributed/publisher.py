"""Publishes jobs after the commits that made them: many in one go, each to the queue of its blueprint."""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Protocol

from flowcraft_engine.blueprint.fixed_names import versioned_name
from flowcraft_engine.errors import BackendError, NotFoundError
from flowcraft_engine.failpoints import failpoint
from flowcraft_engine.stores.coordination_store import CoordinationStore
from flowcraft_engine.stores.job_queue import JobPayload
from flowcraft_engine.stores.queue_names import queue_of
from flowcraft_engine.task import new_task

_log = logging.getLogger("flowcraft.worker")
#: So many jobs are looked at together; the runs of so few one by one: a busy process knows them.
_AT_ONCE = 500
_FEW = 20


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
            self._flush = new_task(self._publish_waiting())

    async def flush(self) -> None:
        """Return when everything that was put was sent, or given up."""
        while self._flush is not None:
            await asyncio.shield(self._flush)

    async def publish(self, jobs: Iterable[JobPayload]) -> list[JobPayload]:
        """Publish now; the jobs whose run is gone. Raises `BackendError`."""
        by_queue: defaultdict[str, list[JobPayload]] = defaultdict(list)
        gone: list[JobPayload] = []
        jobs = list(jobs)
        for place, job in enumerate(jobs):
            if place % _AT_ONCE == 0:
                await self._read_ahead(jobs[place : place + _AT_ONCE])
            try:
                plan = (await self._store.facts(job.run_id)).plan
            except NotFoundError:
                gone.append(job)  # retired meanwhile
                continue
            except BackendError:
                raise
            except Exception:
                # A journal that cannot be read, whatever is wrong with it, concerns its own run only.
                _log.exception("run %s cannot be read: its jobs are not published", job.run_id)
                continue
            blueprint = plan.blueprint
            hint = versioned_name(blueprint.id, blueprint.version)
            by_queue[queue_of(blueprint, plan.digest)].append(JobPayload(job.run_id, job.instance, hint))
        for queue, its_jobs in by_queue.items():
            await self.publish_to(queue, its_jobs)
        return gone

    async def _read_ahead(self, jobs: Sequence[JobPayload]) -> None:
        """Let many runs be read by the same round trips. What is wrong with one is found by whoever needs it."""
        runs = {job.run_id for job in jobs}
        if len(runs) > _FEW:
            await asyncio.gather(*map(self._store.facts, runs), return_exceptions=True)

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
