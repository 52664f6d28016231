"""Records a run as a case: what the nodes that reach outside gave, attempt by attempt; the rest is played for real."""

from __future__ import annotations

from typing import Any, Final

from flowcraft_engine.errors import ErrorCode
from flowcraft_engine.kernel import event as ev
from flowcraft_engine.kernel import state as st
from flowcraft_engine.kernel.event import Event
from flowcraft_engine.kernel.generations import was_stopped
from flowcraft_engine.kernel.naming import END, node_of
from flowcraft_engine.kernel.plan import Plan
from flowcraft_engine.kernel.state import Instance
from flowcraft_engine.kernel.transitions import EXPIRED
from flowcraft_engine.reports.dossier import Dossier
from flowcraft_engine.testing.case import Answer, Recorded, RunRecord

SUBFLOW: Final = "subflow"
#: Types that touch nothing but the run. They are never replaced by what was recorded.
REAL: Final = frozenset(
    {
        "noop",
        "set",
        "check",
        "log",
        "sleep",
        "wait",
        SUBFLOW,
        "loop-controller",
        "batch-scatter",
        "batch-gather",
    }
)


def record_of(run: Dossier) -> RunRecord:
    """What a case needs of a run and its sub-runs."""
    record = RunRecord(expires=(run.state.error or {}).get("code") == ErrorCode.RUN_TIMEOUT)
    noted_in: dict[str, int] = {}
    ready: set[str] = set()
    generation = 1
    for event in run.events:
        if event.type == ev.NODE_READY:
            ready.add(event.instance)
        elif event.type == ev.GENERATION_BEGAN:
            generation += 1
            ready.clear()
        elif _note(run.plan, record, event, again=noted_in.get(event.instance, generation) != generation):
            noted_in[event.instance] = generation
    instances = run.state.instances
    # One that was tried again gives what was recorded; and then so do all of its node, items and iterations alike.
    retried = {instances[name].node_id for name in run.children if instances[name].attempt > 1}
    for name, instance in instances.items():
        child = run.children.get(name)
        if child is None or instance.node_id in retried:
            continue
        record.sub_runs[name] = record_of(child)
        # It is played for real.
        record.nodes.pop(name, None)
    for name, instance in instances.items():
        if name not in record.nodes and _is_recorded(run.plan, instance) and instance.state == st.WAITING:
            record.nodes[name] = [Recorded(waits=str((instance.wait or {}).get("message") or ""))]
        elif was_stopped(instance) and (name in ready or instance.index is not None):
            if noted_in.get(name, generation) != generation:
                record.nodes.pop(name, None)
            _note_unended(run.plan, record, instance)
    return record


def _note_unended(plan: Plan, record: RunRecord, instance: Instance) -> None:
    """What was under way when the run was stopped waits in the replay: so it holds up nothing that did end."""
    if _is_recorded(plan, instance) and instance.name not in record.sub_runs:
        record.nodes.setdefault(instance.name, []).append(Recorded(waits=""))


def _note(plan: Plan, record: RunRecord, event: Event, *, again: bool) -> bool:
    """Note what a node gave; False if the event tells nothing of that. What it gave before a repair is forgotten."""
    name = event.instance
    if event.type == ev.NODE_RESUMED:
        _note_answer(plan, record, name, event.data)
        return False
    if event.type not in (ev.NODE_COMPLETED, ev.NODE_FAILED, ev.NODE_RETRYING):
        return False
    node = plan.nodes[node_of(name)]
    is_whole = node.for_each is not None and not name.endswith("]")
    if node.id == END or is_whole or (node.uses in REAL and node.uses != SUBFLOW):
        return False
    if again:
        record.nodes.pop(name, None)
    record.nodes.setdefault(name, []).append(_outcome(event))
    return True


def _note_answer(plan: Plan, record: RunRecord, name: str, data: Any) -> None:
    if plan.nodes[node_of(name)].uses != "wait":
        return
    if data["kind"] == st.ANSWER:
        record.answers[name] = Answer(data.get("output"), data.get("action"))
    elif data["kind"] == EXPIRED:
        record.answers[name] = Answer(expires=True)


def _outcome(event: Event) -> Recorded:
    data = event.data
    if event.type != ev.NODE_COMPLETED:
        error = data["error"]
        told = {"code": str(error["code"]), "message": str(error["message"])}
        return Recorded(error=told | ({"cause": error["cause"]} if error.get("cause") is not None else {}))
    changes = tuple((change[0], change[1], change[2]) for change in data.get("delta") or ())
    return Recorded(data["output"], data.get("action"), changes)


def _is_recorded(plan: Plan, instance: Instance) -> bool:
    node = plan.nodes[instance.node_id]
    return node.uses not in REAL and not (node.for_each is not None and instance.index is None)
