"""Every process sweeps: it fires timers, and finds what a dead process, a lost message or a lost reply has left.

Each finding is a hint: what is done about it checks the state again, so ten sweepers do what one would.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections import defaultdict
from collections.abc import Callable, Iterable

from flowcraft_engine.clock import Clock
from flowcraft_engine.distributed.errands import Errands
from flowcraft_engine.distributed.publisher import Publisher, QueueOfQueues
from flowcraft_engine.distributed.worker import Fate, FleetWorker
from flowcraft_engine.errors import BackendError, ConflictError, FlowcraftError, NotFoundError
from flowcraft_engine.failpoints import failpoint
from flowcraft_engine.kernel.recent import Recent
from flowcraft_engine.stores.coordination_store import CoordinationStore
from flowcraft_engine.stores.fleet import Errand, Fleet
from flowcraft_engine.stores.job_queue import JobPayload

_log = logging.getLogger("flowcraft.worker")
#: Claims are compared with what is executed, and parked jobs and old runs looked for, once in so many sweeps.
_RARELY = 5
#: For so long one sweep publishes lost jobs, and forgets old runs: nothing else that it does shall wait for that.
_PUBLISHING_S = 0.25
#: So many lost jobs at a time.
_LOST_AT_ONCE = 500
_FORGETTING_S = 0.25
#: Never sleep shorter than this, however late a timer is: whoever has taken it may be about to fire it.
_SHORTEST_S = 0.005
#: So long an errand that fails again and again may wait for its next try.
_LONGEST_PAUSE_S = 60.0


class Sweeper:
    """Sweeps from `run` until `stop`, about every `period_s`, and when something is due."""

    def __init__(
        self,
        *,
        store: CoordinationStore,
        fleet: Fleet,
        queue: QueueOfQueues,
        publisher: Publisher,
        worker: FleetWorker,
        clock: Clock,
        owner: Callable[[], str],
        queues: Callable[[], Iterable[str]],
        heard_s: Callable[[], float],
        lease_s: float,
        period_s: float,
        retention_s: float | None,
    ) -> None:
        self._store = store
        self._fleet = fleet
        self._queue = queue
        self._publisher = publisher
        self._worker = worker
        self._errands: Errands = worker.errands
        self._observer = worker.observer
        self._clock = clock
        self._owner = owner
        self._queues = queues
        self._heard_s = heard_s
        self._lease_s = lease_s
        self._period_s = period_s
        self._retention_s = retention_s
        self._next_due = float("inf")
        self._moved = asyncio.Event()
        self._is_stopping = False
        self._sweeps = 0
        #: How often errands have failed here, one after the other.
        self._failures: Recent[tuple[str, str], int] = Recent()
        self._stopped_cursor: str | None = None
        #: There are more old runs than the last sweep had time for.
        self._is_behind = False

    def look_at(self, due: float) -> None:
        """Something will be due then."""
        if due < self._next_due:
            self._next_due = due
            self._moved.set()

    async def begin(self) -> None:
        """Before anything is claimed here: hear from now on of runs that are ended from outside."""
        await self._interrupt_stopped()

    async def run(self) -> None:
        """Sweep until `stop` is called; a sweep that has begun is finished."""
        loop = asyncio.get_running_loop()
        next_sweep = loop.time()
        while not self._is_stopping:
            is_time = loop.time() >= next_sweep
            if is_time:
                # Processes that began together must not sweep together for ever.
                next_sweep = loop.time() + self._period_s * random.uniform(0.8, 1.2)  # noqa: S311 - no secret
            try:
                await self.fire_due()
                if is_time:
                    await self.sweep()
            except FlowcraftError as error:
                _log.warning("a sweep failed, the next one tries again: %s", error)
                self._next_due = float("inf")
            except Exception:
                # A sweeper that ends leaves the fleet without repair: report, and go on.
                _log.exception("a sweep failed")
                self._next_due = float("inf")
            await self._rest(next_sweep - loop.time())

    def stop(self) -> None:
        """End soon. Not by a cancellation, which clients of servers may mistake for a time-out of their own."""
        self._is_stopping = True
        self._moved.set()

    async def _rest(self, until_sweep_s: float) -> None:
        if self._is_stopping:
            return
        until_due = self._next_due - self._clock.now()
        self._moved.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(max(_SHORTEST_S, min(until_sweep_s, until_due))):
                await self._moved.wait()

    # ---- what is due ---------------------------------------------------------------------------------------

    async def fire_due(self) -> None:
        """Do all errands whose time has come, and note when the next one will be due."""
        while True:
            # What `look_at` is told from here on may not be in the index yet, and must not be forgotten for its answer.
            self._next_due = float("inf")
            due = await self._fleet.take_due()
            await self._do(due.errands)
            if due.next_due is not None:
                self._next_due = min(self._next_due, due.next_due)
            if not due.errands or self._next_due > self._clock.now():
                return

    async def _do(self, errands: list[Errand]) -> None:
        groups: defaultdict[tuple[str, str], list[Errand]] = defaultdict(list)
        for errand in errands:
            groups[errand.kind, errand.run_id].append(errand)
        await asyncio.gather(*(self._do_group(group) for group in groups.values()))

    async def _do_group(self, group: list[Errand]) -> None:
        first = group[0]
        failpoint("timer.pre")
        try:
            await self._errands.do(first.kind, first.run_id, [errand.instance for errand in group])
        except BackendError as error:
            _log.error("run %s: errand %r failed: %s", first.run_id, first.kind, error)
            return
        except Exception:
            # Whatever is wrong with one run, the others get what is due. This one is tried again, here or elsewhere.
            pause_s = self._pause_after_failure_s(first)
            again = "next try in %g s, or when something is new"
            _log.exception(f"run %s: errand %r failed; {again}", first.run_id, first.kind, pause_s)
            await self._fleet.put_off(group, pause_s)
            return
        failpoint("timer.done")
        self._failures.pop((first.kind, first.run_id), None)
        await self._fleet.settle(group)
        self._observer.swept("due", len(group))

    def _pause_after_failure_s(self, errand: Errand) -> float:
        """Longer each time that it fails here: some errands fail for good."""
        key = errand.kind, errand.run_id
        self._failures[key] = self._failures.get(key, 0) + 1
        return min(_LONGEST_PAUSE_S, 2.0 ** (self._failures[key] - 1))

    # ---- what was lost -------------------------------------------------------------------------------------

    async def sweep(self) -> None:
        """Look for everything that nobody would notice otherwise."""
        await self._publish_lost()
        await self._take_from_the_dead()
        await self._interrupt_stopped()
        self._sweeps += 1
        is_rare = self._sweeps % _RARELY == 0
        if is_rare:
            await self._worker.release_forgotten(await self._fleet.claims_of(self._owner()))
            await self._look_at_parked()
        if is_rare or self._is_behind:
            await self._retire_old()

    async def _publish_lost(self) -> None:
        """Some of each queue, and as many more as there is time for: a queue that was flushed had thousands."""
        until = asyncio.get_running_loop().time() + _PUBLISHING_S
        for queue in self._queues():
            count = 0
            while True:
                # What was published a moment ago is young, and is not found again.
                lost = await self._fleet.take_lost(queue, await self._queue.head_time(queue), _LOST_AT_ONCE)
                if not lost:
                    break
                failpoint("sweep.read")
                for job in await self._publisher.publish(lost):
                    await self._fleet.forget_job(job, queue)
                count += len(lost)
                if len(lost) < _LOST_AT_ONCE or asyncio.get_running_loop().time() >= until:
                    break
            if count:
                _log.info("%d jobs of queue %s are published again", count, queue)
                self._observer.swept("published", count)

    async def _take_from_the_dead(self) -> None:
        for owner in await self._fleet.take_dead(self._lease_s, self._heard_s()):
            claims = await self._fleet.claims_of(owner)
            failpoint("sweep.read")
            _log.warning("worker %s has died; what it executed is given to others: %d", owner, len(claims))
            for job in claims:
                await self._take_back(job, owner)
                failpoint("sweep.mid")
            await self._fleet.bury(owner)
            failpoint("sweep.done")

    async def _take_back(self, job: JobPayload, owner: str) -> None:
        try:
            await self._worker.take_back(job.run_id, job.instance, owner, crashed=True)
            self._observer.swept("taken_back", 1)
        except BackendError:
            raise
        except Exception:
            # A journal that cannot be read, whatever is wrong with it, concerns its own run only. The owner stays
            # dead until somebody can.
            _log.exception("run %s cannot be read: %s is not taken back", job.run_id, job.instance)

    async def _interrupt_stopped(self) -> None:
        self._stopped_cursor, stopped = await self._fleet.stopped_since(self._stopped_cursor)
        for run_id in stopped:
            self._worker.interrupt_run(run_id)
            self._worker.tell_end(run_id)
            self._observer.swept("interrupted", 1)

    async def _retire_old(self) -> None:
        """Forget runs whose time is over, as many as there is time for: a busy fleet ends hundreds a second."""
        self._is_behind = False
        if self._retention_s is None:
            return
        loop = asyncio.get_running_loop()
        until = loop.time() + _FORGETTING_S
        while expired := await self._fleet.take_expired(self._retention_s):
            retired = sum(await asyncio.gather(*map(self._retire, expired)))
            if retired:
                self._observer.swept("retired", retired)
            if loop.time() >= until:
                self._is_behind = True
                return

    async def _retire(self, run_id: str) -> bool:
        """Forget a run; False if there is nothing to forget, or it has to stay."""
        try:
            await self._store.retire(run_id)
        except NotFoundError:
            await self._fleet.forget_run(run_id)
        except ConflictError:
            pass  # it goes on: somebody has begun another generation
        except BackendError:
            raise
        except Exception:
            # A journal that cannot be read, whatever is wrong with it, concerns its own run only.
            _log.exception("run %s cannot be retired", run_id)
        else:
            return True
        return False

    async def _look_at_parked(self) -> None:
        """Jobs are parked until a worker registers. Of those few that escape that, some are looked at now and then."""
        for job, queue in await self._fleet.some_parked():
            fate = await self._worker.fate_of(job)
            if fate is Fate.OURS:
                await self._fleet.unpark(job, queue)
                await self._publisher.publish([job])
            elif fate is Fate.NOBODYS:
                await self._fleet.forget_job(job, queue)
