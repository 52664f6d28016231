"""One process of the fleet: claims the jobs that reach it, executes them, and acts on what follows.

Theory of operation. A job is a hint to claim an instance; its message is acknowledged once the claim was answered.
From then on the claim stands in the run's state, under the name of this process, whose lease a thread renews. If the
process dies its lease runs out, and whoever sweeps takes its claims back: no attempt is lost, none is consumed. What
follows from a commit (jobs to publish, sub-runs to start, results to deliver) is done right after it, and stands in
the fleet's index of due errands as well, so that a death between the two costs time only.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from enum import Enum
from typing import Any

from flowcraft_engine.distributed.claims import take_back
from flowcraft_engine.distributed.errands import Errands
from flowcraft_engine.distributed.observer import UNOBSERVED, WorkObserver
from flowcraft_engine.distributed.placement import Placement
from flowcraft_engine.distributed.publisher import Publisher
from flowcraft_engine.errors import BackendError, NotFoundError
from flowcraft_engine.execution.endings import Endings
from flowcraft_engine.execution.environment import Environment
from flowcraft_engine.execution.executor import Executor, Seat
from flowcraft_engine.failpoints import failpoint
from flowcraft_engine.kernel.commands import Claim, Effects
from flowcraft_engine.kernel.naming import InstanceName
from flowcraft_engine.stores.fleet import ErrandKind
from flowcraft_engine.stores.job_queue import JobPayload
from flowcraft_engine.task import new_task

_log = logging.getLogger("flowcraft.worker")
#: How long interrupted nodes may take to clean up.
_CLEAN_UP_S = 5.0
_HURRIED_CLEAN_UP_S = 1.0


class Fate(Enum):
    """Who has to do with a job: this process, others, or nobody, because its instance is not ready (any more)."""

    OURS = "ours"
    OTHERS = "others'"
    NOBODYS = "nobody's"


class FleetWorker:
    """Executes up to `concurrency` attempts at a time. Belongs to one event loop.

    `on_due` is told when something will be due, in seconds since the epoch; `on_room` that a place is free again.
    """

    def __init__(
        self,
        env: Environment,
        publisher: Publisher,
        placement: Placement,
        concurrency: int,
        *,
        on_due: Callable[[float], None],
        on_room: Callable[[], None],
        endings: Endings | None = None,
        observer: WorkObserver = UNOBSERVED,
    ) -> None:
        self._env = env
        self._store = env.store
        self._publisher = publisher
        self._placement = placement
        self._concurrency = concurrency
        self._places = asyncio.Semaphore(concurrency)
        self._on_due = on_due
        self._on_room = on_room
        self.observer = observer
        self._endings = endings
        self._seats: set[Seat] = set()
        self._under_way: set[asyncio.Task[None]] = set()
        #: Claims that were nobody's when this was looked at last.
        self._suspects: set[tuple[str, str]] = set()
        self.errands = Errands(env.store, self.publish)
        self._make_executors(env)

    def _make_executors(self, env: Environment) -> None:
        self._executor = Executor(env, self.publish)
        # For runs with nodes that are not for us: their successors go to the queue, which finds who fits.
        self._passing_on = Executor(env, self.publish)
        self._passing_on.is_draining = True

    # ---- jobs ----------------------------------------------------------------------------------------------

    @property
    def room(self) -> int:
        """How many more attempts could begin now."""
        return self._concurrency - len(self._seats)

    async def on_job(self, job: JobPayload) -> None:
        """Claim the instance and begin to execute it; returns when the message may be acknowledged."""
        failpoint("msg.received")
        await self._places.acquire()
        claim = None
        try:
            claim = await self._claim(job)
        finally:
            if claim is None:
                self._places.release()
        if claim is not None:
            failpoint("claim.done")
            self._begin(claim)

    async def fate_of(self, job: JobPayload) -> Fate:
        """Whose a job is that was set aside, as the state of its run says now."""
        try:
            plan, state = await self._store.glance(job.run_id)
        except NotFoundError:
            return Fate.NOBODYS
        except BackendError:
            raise
        except Exception:
            # A journal that cannot be read, whatever is wrong with it: a registration will tell.
            return Fate.OTHERS
        if not state.is_ready(job.instance):
            return Fate.NOBODYS
        node_id = state.instances[job.instance].node_id
        return Fate.OURS if self._placement.is_for_us(plan, node_id) else Fate.OTHERS

    async def _claim(self, job: JobPayload) -> Claim | None:
        try:
            plan = (await self._store.facts(job.run_id)).plan
        except NotFoundError:
            return None  # a late hint about a run that has been retired
        name = InstanceName.parse(job.instance)
        node_id = name.node_id if name is not None else job.instance
        if node_id not in plan.nodes:
            _log.warning("there is no node %r in run %s: the job is dropped", node_id, job.run_id)
            return None
        if not self._placement.is_for_us(plan, node_id):
            if await self.fate_of(job) is Fate.NOBODYS:
                await self._placement.drop(job, plan)
            else:
                await self._placement.send_on(job, plan, node_id)
            return None
        failpoint("claim.pre")
        claims = await self._executor.claim(job.run_id, [job.instance])
        self.observer.claimed(bool(claims))
        return claims[0] if claims else None

    def _begin(self, claim: Claim) -> None:
        seat = Seat(claim.run_id)
        seat.task = new_task(self._work(claim, seat))
        self._seats.add(seat)

    async def _work(self, claim: Claim, seat: Seat) -> None:
        try:
            plan = (await self._store.facts(claim.run_id)).plan
            executor = self._executor if self._placement.keeps(plan) else self._passing_on
            await executor.perform(claim, seat)
        except asyncio.CancelledError:
            pass  # the claim was handed back
        except NotFoundError:
            # Redis came back with less than it had (a cut tail, a failover), or the run was retired.
            _log.warning("run %s is gone, and so is the result of %s", claim.run_id, claim.instance)
        except BackendError as error:
            # Not one that passes, for which the store waits: a password that was changed, say. `release_forgotten`
            # finds the claim.
            _log.error("run %s: %s could not be carried through: %s", claim.run_id, claim.instance, error)
        except Exception:
            # A bug of ours: `release_forgotten` finds the claim.
            _log.exception("run %s: %s could not be carried through", claim.run_id, claim.instance)
        finally:
            self._seats.discard(seat)
            self._places.release()
            self._on_room()

    # ---- what follows from a commit ------------------------------------------------------------------------

    def publish(self, run_id: str, effects: Effects) -> None:
        """Act on what follows from a step of `run_id`. What is lost here is found again by a sweep."""
        failpoint("commit.done")
        if effects.ready:
            self._publisher.put(run_id, effects.ready)
        for due, _ in effects.timers:
            self._on_due(due)
        for instance in effects.children:
            self._do("start", run_id, [instance])
        for child in effects.orphans:
            self._do("cancel", child, [])
        if effects.finished and ":" in run_id:
            self._do("deliver", run_id, [])
        if effects.finished:
            self.tell_end(run_id)
        if effects.stopped:
            self.interrupt_run(run_id)

    def tell_end(self, run_id: str) -> None:
        """Let those hear of the end of a run who want to."""
        if self._endings is not None and self._endings.are_heard:
            self._spawn(self._endings.tell(run_id))

    def _do(self, kind: ErrandKind, run_id: str, instances: list[str]) -> None:
        self._spawn(self._errand(kind, run_id, instances))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = new_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _errand(self, kind: ErrandKind, run_id: str, instances: list[str]) -> None:
        try:
            failpoint("child.pre")
            await self.errands.do(kind, run_id, instances)
            failpoint("child.done")
        except BackendError as error:
            _log.error("run %s: errand %r failed: %s", run_id, kind, error)
        except Exception:
            # It stands in the index of due errands, so that somebody tries again in a few seconds.
            _log.exception("run %s: errand %r failed", run_id, kind)

    # ---- interrupting --------------------------------------------------------------------------------------

    def interrupt_run(self, run_id: str) -> None:
        """Stop what is executed here for a run that was ended from outside."""
        for seat in list(self._seats):
            if seat.run_id == run_id:
                seat.interrupt("the run has ended")

    def go_on_as(self, owner: str) -> None:
        """Claim under another name from now on. What is under way may still be committed, if nobody took it."""
        self._executor.is_draining = True
        self._env = replace(self._env, owner=owner)
        self._make_executors(self._env)

    async def release_forgotten(self, claims: Sequence[JobPayload]) -> None:
        """Hand back claims of ours that nothing here executes, such as those whose reply was lost.

        Only those that were found twice in a row: a claim that was just given is not executed yet.
        """
        busy = {
            (seat.run_id, seat.attempt.claim.instance) for seat in self._seats if seat.attempt is not None
        }
        forgotten = {(it.run_id, it.instance) for it in claims} - busy
        for run_id, instance in forgotten & self._suspects:
            await self.take_back(run_id, instance, self._env.owner, crashed=False)
            self.observer.swept("taken_back", 1)
        self._suspects = forgotten - self._suspects

    async def give_back(self, claims: Sequence[JobPayload]) -> None:
        """Hand back claims of ours when nothing is executed here any more. It is no crash."""
        for job in claims:
            try:
                await self.take_back(job.run_id, job.instance, self._env.owner, crashed=False)
            except BackendError:
                raise
            except Exception:
                # A journal that cannot be read, whatever is wrong with it, concerns its own run only: somebody else may
                # be able to.
                _log.exception("run %s cannot be read: %s is not handed back", job.run_id, job.instance)
        await self._publisher.flush()

    async def take_back(self, run_id: str, instance: str, owner: str, *, crashed: bool) -> None:
        """Make an instance ready again that `owner` had claimed, if it still has it."""
        effects = await take_back(self._store, run_id, instance, owner, crashed=crashed)
        self.publish(run_id, effects)

    async def drain(self, grace_s: float) -> None:
        """Finish what runs within `grace_s`; what does not is interrupted and handed back. Nothing more begins."""
        self._executor.is_draining = True
        await self._wait_for_seats(grace_s)
        failpoint("shutdown.handback")
        for seat in list(self._seats):
            seat.interrupt("shutdown")
        await self._wait_for_seats(_CLEAN_UP_S)
        if self._under_way:
            await asyncio.wait(set(self._under_way), timeout=_CLEAN_UP_S)
        await self._publisher.flush()

    async def hand_back(self) -> None:
        """Interrupt what runs and hand it back, now: somebody wants this process to be gone. Nothing more begins."""
        self._executor.is_draining = True
        for seat in list(self._seats):
            seat.interrupt("shutdown")
        await self._wait_for_seats(_HURRIED_CLEAN_UP_S)
        await self._publisher.flush()

    async def _wait_for_seats(self, timeout_s: float) -> None:
        tasks = {seat.task for seat in self._seats if seat.task is not None}
        if tasks:
            await asyncio.wait(tasks, timeout=timeout_s)
