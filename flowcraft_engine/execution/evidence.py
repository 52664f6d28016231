"""What a run is waiting for, read from its state alone: the evidence that `reconcile` prints before it acts."""

from __future__ import annotations

from flowcraft_engine.frozen import frozen
from flowcraft_engine.history.run_result import iso_time
from flowcraft_engine.kernel import state as st
from flowcraft_engine.kernel.state import Instance, RunState
from flowcraft_engine.stores.coordination_store import CoordinationStore

_UNDER_WAY = (st.READY, st.RUNNING, st.RETRYING, st.WAITING)
_WAITS = {
    st.ANSWER: "waits for an answer: flowcraft resume",
    st.CHILD: "waits for its sub-run",
    st.ITEMS: "waits for its items",
    st.BODY: "waits for the body of its loop",
}


@frozen
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
    if state.paused_at is not None:
        found.append(evidence_of_pause(run_id, state.paused_at))
    elif state.deadline is not None and state.deadline <= now:
        found.append(evidence_of_deadline(run_id, state.deadline))
    for instance in under_way(state):
        if instance.state == st.RUNNING:
            dead = instance.owner is not None and await store.owner_is_dead(instance.owner)
            found.append(_running(run_id, instance, dead=dead))
        elif instance.state == st.READY:
            found.append(Evidence(run_id, instance.name, "ready, claimed by nobody", "run it"))
        else:
            found.append(_waiting(run_id, instance, now))
    for instance in list(state.waiting.values()):
        wait = instance.wait or {}
        if wait.get("kind") == st.CHILD and await store.exists(str(wait["child"])):
            found.extend(await gather_evidence(store, str(wait["child"]), now))
    return found


def _running(run_id: str, instance: Instance, *, dead: bool) -> Evidence:
    if dead:
        finding = f"{running_words(instance)}, which has died"
        return Evidence(run_id, instance.name, finding, "hand back, run again")
    return Evidence(run_id, instance.name, running_words(instance), None)


def _waiting(run_id: str, instance: Instance, now: float) -> Evidence:
    if instance.due is None:
        return Evidence(run_id, instance.name, waiting_words(instance), None)
    repair = "let its timer fire" if instance.due <= now else None
    return Evidence(run_id, instance.name, due_words(instance.due, now), repair)


# ---- what is said alike of runs in one process and on a fleet ------------------------------------------------


def under_way(state: RunState) -> list[Instance]:
    """The instances on which something has to be seen to; in a paused run only those that still run."""
    states = _UNDER_WAY if state.paused_at is None else (st.RUNNING,)
    return [instance for instance in state.instances.values() if instance.state in states]


def evidence_of_pause(run_id: str, paused_at: float) -> Evidence:
    return Evidence(run_id, "run", f"paused since {iso_time(paused_at)}: flowcraft unpause", None)


def evidence_of_deadline(run_id: str, deadline: float) -> Evidence:
    return Evidence(run_id, "run", f"metadata.timeout passed at {iso_time(deadline)}", "end it")


def running_words(instance: Instance) -> str:
    return f"runs since {iso_time(instance.started_at)} in {instance.owner}"


def due_words(due: float, now: float) -> str:
    return f"{'was' if due <= now else 'is'} due at {iso_time(due)}"


def waiting_words(instance: Instance) -> str:
    """What an instance waits for, if that is no moment."""
    return _WAITS.get(str((instance.wait or {}).get("kind")), "waits")
