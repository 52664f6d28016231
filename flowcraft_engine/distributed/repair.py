"""Repair of one run, now: the guarded steps that a sweep would do a little later, with the evidence told.

Everything is judged by the state of the run. A branch that was not taken has no ready instance, so nothing here can
run it; a run whose workers live and whose jobs wait their turn is left alone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from flowcraft_engine.clock import Clock
from flowcraft_engine.distributed.claims import take_back
from flowcraft_engine.distributed.errands import Errands
from flowcraft_engine.distributed.placement import missing_for
from flowcraft_engine.distributed.publisher import Publisher, QueueOfQueues
from flowcraft_engine.execution.evidence import (
    Evidence,
    due_words,
    evidence_of_deadline,
    evidence_of_pause,
    running_words,
    under_way,
    waiting_words,
)
from flowcraft_engine.execution.executor import Publish
from flowcraft_engine.frozen import frozen
from flowcraft_engine.history.run_result import iso_time
from flowcraft_engine.kernel import state as st
from flowcraft_engine.kernel.plan import Plan
from flowcraft_engine.kernel.state import Instance, RunState
from flowcraft_engine.stores.coordination_store import CoordinationStore
from flowcraft_engine.stores.fleet import Fleet, FleetMember, InstanceIndex, WorkerManifest
from flowcraft_engine.stores.job_queue import JobPayload
from flowcraft_engine.stores.queue_names import queue_of

#: A message may be on its way into the queue for so long, and is that much younger than its job then.
_ON_ITS_WAY_S = 1.0
#: One that is younger than this may be in the hands of a worker that has not looked at it yet.
_IN_HANDS_S = 5.0
#: Others do what is due for so long before it counts as forgotten.
_OVERDUE_S = 5.0

Mend = Callable[[], Awaitable[None]]


@frozen
class Finding:
    """What was found, and how it is mended; `mend` is None where nothing is wrong."""

    evidence: Evidence
    mend: Mend | None = None


class Repair:
    """Looks at runs, sub-runs included, and mends what is wrong. Idempotent; any number may do it at once."""

    def __init__(
        self,
        store: CoordinationStore,
        fleet: Fleet,
        queue: QueueOfQueues,
        publisher: Publisher,
        errands: Errands,
        publish: Publish,
        clock: Clock,
    ) -> None:
        self._store = store
        self._fleet = fleet
        self._queue = queue
        self._publisher = publisher
        self._errands = errands
        self._publish = publish
        self._clock = clock

    async def evidence(self, run_id: str) -> list[Evidence]:
        """What was found of every instance that is on its way. Changes nothing."""
        return [finding.evidence for finding in await self._look(run_id)]

    async def repair(self, run_id: str) -> list[Evidence]:
        """Mend what is wrong; what was found before."""
        findings = await self._look(run_id)
        for finding in findings:
            if finding.mend is not None:
                await finding.mend()
        return [finding.evidence for finding in findings]

    # ---- looking -------------------------------------------------------------------------------------------

    async def _look(self, run_id: str) -> list[Finding]:
        found = await self._ids(run_id)
        plan, state = await self._store.glance(run_id)
        if state.is_final:
            return found
        if state.paused_at is not None:
            found.append(Finding(evidence_of_pause(run_id, state.paused_at)))
        elif state.deadline is not None and state.deadline + _OVERDUE_S <= self._clock.now():
            end = partial(self._errands.do, "wake", run_id, [""])
            found.append(Finding(evidence_of_deadline(run_id, state.deadline), end))
        instances = under_way(state)
        view = await self._view(plan, state, instances)
        found += [self._judge(view, instance) for instance in instances]
        for instance in list(state.waiting.values()):
            found += await self._child(state, instance)
        return found

    async def _ids(self, run_id: str) -> list[Finding]:
        lost = await self._fleet.restore_ids(run_id, only_look=True)
        if not lost:
            return []
        where = " and ".join(lost)
        evidence = Evidence(run_id, "run", f"the id of its blueprint is gone from {where}", "write it again")
        return [Finding(evidence, lambda: self._restore_ids(run_id))]

    async def _restore_ids(self, run_id: str) -> None:
        await self._fleet.restore_ids(run_id, only_look=False)

    async def _view(self, plan: Plan, state: RunState, under_way: list[Instance]) -> _View:
        queue = queue_of(plan.blueprint, plan.digest)
        owners = {it.owner for it in under_way if it.state == st.RUNNING and it.owner is not None}
        members = await self._fleet.members()
        return _View(
            plan=plan,
            run_id=state.run_id,
            now=self._clock.now(),
            head=await self._queue.head_time(queue),
            other_heads=await self._heads({it.manifest.own_queue for it in members if it.is_alive}),
            is_served=any(it.is_alive and _serves(it.manifest, queue) for it in members),
            members=members,
            dead=await self._fleet.dead_among(sorted(owners)),
            index=await self._fleet.look_up(state.run_id, queue, [it.name for it in under_way]),
        )

    async def _heads(self, queues: set[str]) -> list[float]:
        heads = [await self._queue.head_time(queue) for queue in sorted(queues)]
        return [head for head in heads if head is not None]

    def _judge(self, view: _View, instance: Instance) -> Finding:
        if instance.state == st.RUNNING:
            return self._running(view, instance)
        if instance.state == st.READY:
            return self._ready(view, instance)
        return self._waiting(view, instance)

    def _running(self, view: _View, instance: Instance) -> Finding:
        run_id, owner, text = view.run_id, instance.owner or "", running_words(instance)
        if owner not in view.dead:
            until = next((it.lease_until for it in view.members if it.manifest.owner == owner), None)
            return Finding(Evidence(run_id, instance.name, text + _lease_words(until, view.now), None))
        evidence = Evidence(
            run_id, instance.name, text + ", which has no lease any more", "hand back, run again"
        )
        return Finding(evidence, lambda: self._take_back(run_id, instance.name, owner))

    async def _take_back(self, run_id: str, instance: str, owner: str) -> None:
        self._publish(run_id, await take_back(self._store, run_id, instance, owner, crashed=True))

    def _ready(self, view: _View, instance: Instance) -> Finding:
        run_id, index = view.run_id, view.index[instance.name]
        missing = missing_for(view.members, view.plan, view.plan.nodes[instance.node_id])
        text, repair = _message_of(view, index, missing)
        if missing is not None:
            text += f"; blocked: {missing}"
        evidence = Evidence(run_id, instance.name, text, repair)
        return Finding(evidence, None if repair is None else lambda: self._publish_again(view, instance.name))

    async def _publish_again(self, view: _View, instance: str) -> None:
        job = JobPayload(view.run_id, instance)
        queue = queue_of(view.plan.blueprint, view.plan.digest)
        if not await self._fleet.unpark(job, queue):
            await self._fleet.reindex(view.run_id)
        await self._publisher.publish([job])

    def _waiting(self, view: _View, instance: Instance) -> Finding:
        run_id, due = view.run_id, instance.due
        if due is not None:
            text = due_words(due, view.now)
            if due + _OVERDUE_S <= view.now:
                evidence = Evidence(run_id, instance.name, text, "let its timer fire")
                return Finding(evidence, lambda: self._errands.do("wake", run_id, [instance.name]))
            if view.index[instance.name].due_at is None:
                evidence = Evidence(run_id, instance.name, text + ", and in no index", "index it")
                return Finding(evidence, lambda: self._fleet.reindex(run_id))
            return Finding(Evidence(run_id, instance.name, text, None))
        return Finding(Evidence(run_id, instance.name, waiting_words(instance), None))

    async def _child(self, state: RunState, instance: Instance) -> list[Finding]:
        """The sub-run of an instance: to be started, to be delivered, or looked at itself."""
        wait = instance.wait or {}
        if wait.get("kind") != st.CHILD:
            return []
        run_id, child = state.run_id, str(wait["child"])
        is_old = (instance.waiting_since or 0.0) + _OVERDUE_S <= self._clock.now()
        if not await self._store.exists(child):
            if not is_old or state.paused_at is not None:
                return []
            evidence = Evidence(run_id, instance.name, "its sub-run was never started", "start it")
            return [Finding(evidence, lambda: self._errands.do("start", run_id, [instance.name]))]
        _, inner = await self._store.glance(child)
        if inner.is_final and (inner.finished_at or 0.0) + _OVERDUE_S <= self._clock.now():
            text = f"its sub-run is {inner.status}, and its result was not delivered"
            evidence = Evidence(run_id, instance.name, text, "deliver it")
            return [Finding(evidence, lambda: self._errands.do("deliver", child, []))]
        return await self._look(child)


def _lease_words(until: float | None, now: float) -> str:
    """What is said of the lease of an owner that is not dead, although its lease may be over."""
    if not until:
        return ""
    if until > now:
        return f", whose lease is valid for {until - now:.0f} s"
    return ", whose lease has run out; it has the time of one to come back to a server that was away"


def _serves(manifest: WorkerManifest, queue: str) -> bool:
    return queue in manifest.queues or manifest.serves_snapshots


def _message_of(view: _View, index: InstanceIndex, missing: str | None) -> tuple[str, str | None]:
    """Where the message of a ready instance is, and what is to be done. `missing` is why no worker fits."""
    if index.is_parked:
        if missing is not None:
            return "ready and parked until a worker fits", None
        return "parked, although a worker fits now", "publish it"
    published = index.published_at
    if published is None:
        return "ready, and in no index", "index and publish it"
    text = f"ready, published at {iso_time(published)}; its message "
    # As in the sweepers' search for lost messages.
    if view.head is not None and view.head <= published + _ON_ITS_WAY_S:
        return text + "waits in the queue", None
    if any(head <= published + _IN_HANDS_S for head in view.other_heads):
        return text + "waits in the queue of the workers that fit", None
    if view.now - published < (_IN_HANDS_S if view.is_served else _ON_ITS_WAY_S):
        return text + "is on its way", None
    return text + "is gone", "publish it again"


@frozen
class _View:
    """What is known of a run from outside of its state, read once."""

    plan: Plan
    run_id: str
    now: float
    head: float | None
    #: Of the queues that jobs are sent on to.
    other_heads: list[float]
    #: True if somebody may have taken messages out of the run's queue.
    is_served: bool
    members: list[FleetMember]
    dead: set[str]
    index: dict[str, InstanceIndex]
