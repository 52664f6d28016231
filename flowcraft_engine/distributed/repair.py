"""Repair of one run, now: the guarded steps that a sweep would do a little later, with the evidence told.

Everything is judged by the state of the run. A branch that was not taken has no ready instance, so nothing here can
run it; a run whose workers live and whose jobs wait their turn is left alone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from flowcraft_engine.clock import Clock
from flowcraft_engine.distributed.claims import take_back
from flowcraft_engine.distributed.errands import Errands, Publish
from flowcraft_engine.distributed.placement import missing_for
from flowcraft_engine.distributed.publisher import Publisher, QueueOfQueues
from flowcraft_engine.execution.evidence import Evidence
from flowcraft_engine.history.run_result import iso_time
from flowcraft_engine.kernel import state as st
from flowcraft_engine.kernel.plan import Plan
from flowcraft_engine.kernel.state import Instance, RunState
from flowcraft_engine.stores.coordination_store import CoordinationStore
from flowcraft_engine.stores.fleet import Fleet, FleetMember, InstanceIndex
from flowcraft_engine.stores.job_queue import JobPayload
from flowcraft_engine.stores.queue_names import queue_of

#: A message that is younger is on its way, wherever it is.
_ON_ITS_WAY_S = 5.0
#: Others do what is due for so long before it counts as forgotten.
_OVERDUE_S = 5.0

Mend = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
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
        if state.deadline is not None and state.deadline + _OVERDUE_S <= self._clock.now():
            evidence = Evidence(
                run_id, "run", f"metadata.timeout passed at {iso_time(state.deadline)}", "end it"
            )
            found.append(Finding(evidence, lambda: self._errands.do("wake", run_id, [])))
        under_way = [
            it
            for it in state.instances.values()
            if it.state in (st.READY, st.RUNNING, st.RETRYING, st.WAITING)
        ]
        view = await self._view(plan, state, under_way)
        for instance in under_way:
            found.append(self._judge(view, instance))
        for instance in under_way:
            found.extend(await self._child(state, instance))
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
            members=members,
            dead=await self._fleet.dead_among(sorted(owners)),
            index=await self._fleet.look_up(state.run_id, queue, [it.name for it in under_way]),
        )

    def _judge(self, view: _View, instance: Instance) -> Finding:
        if instance.state == st.RUNNING:
            return self._running(view, instance)
        if instance.state == st.READY:
            return self._ready(view, instance)
        return self._waiting(view, instance)

    def _running(self, view: _View, instance: Instance) -> Finding:
        run_id, owner = view.run_id, instance.owner or ""
        text = f"runs since {iso_time(instance.started_at)} in {owner}"
        if owner not in view.dead:
            until = next((it.lease_until for it in view.members if it.manifest.owner == owner), None)
            lease = f", whose lease is valid for {max(0.0, until - view.now):.0f} s" if until else ""
            return Finding(Evidence(run_id, instance.name, text + lease, None))
        evidence = Evidence(
            run_id, instance.name, text + ", which has no lease any more", "hand back, run again"
        )
        return Finding(evidence, lambda: self._take_back(run_id, instance.name, owner))

    async def _take_back(self, run_id: str, instance: str, owner: str) -> None:
        self._publish(run_id, await take_back(self._store, run_id, instance, owner, crashed=True))

    def _ready(self, view: _View, instance: Instance) -> Finding:
        run_id, index = view.run_id, view.index[instance.name]
        missing = missing_for(view.members, view.plan, view.plan.nodes[instance.node_id])
        if missing is not None:
            waits = Evidence(run_id, instance.name, f"ready, but blocked: {missing}", None)
            if index.is_parked or index.published_at is not None:
                return Finding(waits)
        published = index.published_at
        if published is None and not index.is_parked:
            text, repair = "ready, and in no index", "index and publish it"
        elif index.is_parked:
            if missing is not None:
                return Finding(Evidence(run_id, instance.name, f"parked: {missing}", None))
            text, repair = "parked, although a worker fits now", "publish it"
        else:
            assert published is not None
            is_gone = view.head is None or view.head > published
            if not is_gone or view.now - published < _ON_ITS_WAY_S:
                where = "its message waits in the queue" if not is_gone else "its message is on its way"
                text = f"ready, published at {iso_time(published)}; {where}"
                return Finding(Evidence(run_id, instance.name, text, None))
            text = f"ready, published at {iso_time(published)}; its message is gone"
            repair = "publish it again"
        return Finding(
            Evidence(run_id, instance.name, text, repair), lambda: self._publish_again(view, instance.name)
        )

    async def _publish_again(self, view: _View, instance: str) -> None:
        job = JobPayload(view.run_id, instance)
        queue = queue_of(view.plan.blueprint, view.plan.digest)
        await self._fleet.unpark(job, queue)
        await self._publisher.publish([job])

    def _waiting(self, view: _View, instance: Instance) -> Finding:
        run_id, due = view.run_id, instance.due
        if due is not None:
            text = f"{'was' if due <= view.now else 'is'} due at {iso_time(due)}"
            if due + _OVERDUE_S <= view.now:
                evidence = Evidence(run_id, instance.name, text, "let its timer fire")
                return Finding(evidence, lambda: self._errands.do("wake", run_id, [instance.name]))
            if view.index[instance.name].due_at is None:
                evidence = Evidence(run_id, instance.name, text + ", and in no index", "index it")
                return Finding(evidence, lambda: self._fleet.reindex(run_id))
            return Finding(Evidence(run_id, instance.name, text, None))
        kind = str((instance.wait or {}).get("kind"))
        text = {
            st.ANSWER: "waits for an answer: flowcraft resume",
            st.CHILD: "waits for its sub-run",
            st.ITEMS: "waits for its items",
            st.BODY: "waits for the body of its loop",
        }.get(kind, "waits")
        return Finding(Evidence(run_id, instance.name, text, None))

    async def _child(self, state: RunState, instance: Instance) -> list[Finding]:
        """The sub-run of an instance: to be started, to be delivered, or looked at itself."""
        wait = instance.wait or {}
        if instance.state != st.WAITING or wait.get("kind") != st.CHILD:
            return []
        run_id, child = state.run_id, str(wait["child"])
        is_old = (instance.waiting_since or 0.0) + _OVERDUE_S <= self._clock.now()
        if not await self._store.exists(child):
            if not is_old:
                return []
            evidence = Evidence(run_id, instance.name, "its sub-run was never started", "start it")
            return [Finding(evidence, lambda: self._errands.do("start", run_id, [instance.name]))]
        _, inner = await self._store.glance(child)
        if inner.is_final and (inner.finished_at or 0.0) + _OVERDUE_S <= self._clock.now():
            text = f"its sub-run is {inner.status}, and its result was not delivered"
            evidence = Evidence(run_id, instance.name, text, "deliver it")
            return [Finding(evidence, lambda: self._errands.do("deliver", child, []))]
        return await self._look(child)


@dataclass(frozen=True, slots=True)
class _View:
    """What is known of a run from outside of its state, read once."""

    plan: Plan
    run_id: str
    now: float
    head: float | None
    members: list[FleetMember]
    dead: set[str]
    index: dict[str, InstanceIndex]
