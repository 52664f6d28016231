"""What a run is waiting for, read from its state alone: the evidence that `reconcile` prints before it acts."""

from __future__ import annotations

from dataclasses import dataclass

from flowcraft_engine.history.run_result import iso_time
from flowcraft_engine.kernel import state as st
from flowcraft_engine.kernel.state import Instance
from flowcraft_engine.stores.coordination_store import CoordinationStore


@dataclass(frozen=True, slots=True)
class Evidence:
    """One instance that has not ended: what was found, and the repair; `repair` is None where nothing is wrong."""

    run_id: str
    instance: str
    finding: str
    repair: str | None


async def gather_evidence(store: CoordinationStore, run_id: str, now: float) -> list[Evidence]:
    """Evidence for every instance of the run, sub-runs included, that is on its way."""
    _, state = await store.glance(run_id)
    found: list[Evidence] = []
    if state.is_final:
        return found
    if state.deadline is not None and state.deadline <= now and state.paused_at is None:
        finding = f"metadata.timeout passed at {iso_time(state.deadline)}"
        found.append(Evidence(run_id, "run", finding, "end it"))
    if state.paused_at is not None:
        finding = f"paused since {iso_time(state.paused_at)}: flowcraft unpause"
        found.append(Evidence(run_id, "run", finding, None))
    for instance in state.instances.values():
        if state.paused_at is not None and instance.state != st.RUNNING:
            continue
        if instance.state == st.RUNNING:
            dead = instance.owner is not None and await store.owner_is_dead(instance.owner)
            finding = f"runs since {iso_time(instance.started_at)} in {instance.owner}"
            if dead:
                found.append(
                    Evidence(run_id, instance.name, finding + ", which has died", "hand back, run again")
                )
            else:
                found.append(Evidence(run_id, instance.name, finding, None))
        elif instance.state == st.READY:
            found.append(Evidence(run_id, instance.name, "ready, claimed by nobody", "run it"))
        elif instance.state in (st.RETRYING, st.WAITING):
            found.append(_waiting(run_id, instance, now))
    for instance in list(state.waiting.values()):
        wait = instance.wait or {}
        if wait.get("kind") == st.CHILD and await store.exists(str(wait["child"])):
            found.extend(await gather_evidence(store, str(wait["child"]), now))
    return found


def _waiting(run_id: str, instance: Instance, now: float) -> Evidence:
    if instance.due is not None:
        overdue = instance.due <= now
        finding = f"{'was' if overdue else 'is'} due at {iso_time(instance.due)}"
        return Evidence(run_id, instance.name, finding, "let its timer fire" if overdue else None)
    kind = str((instance.wait or {}).get("kind"))
    finding = {
        st.ANSWER: "waits for an answer: flowcraft resume",
        st.CHILD: "waits for its sub-run",
        st.ITEMS: "waits for its items",
        st.BODY: "waits for the body of its loop",
    }.get(kind, "waits")
    return Evidence(run_id, instance.name, finding, None)
