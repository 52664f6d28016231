"""What whoever executes an instance is told about it."""

from __future__ import annotations

from flowcraft_engine.kernel import state as st
from flowcraft_engine.kernel.commands import ABSENT, Claim
from flowcraft_engine.kernel.lineage import latest_generation
from flowcraft_engine.kernel.naming import instance_name
from flowcraft_engine.kernel.outcome import is_rescued
from flowcraft_engine.kernel.plan import Plan, PlanNode
from flowcraft_engine.kernel.state import Instance, RunState
from flowcraft_engine.values import JsonObject, JsonValue


def claim_of(plan: Plan, state: RunState, instance: Instance, nonce: str) -> Claim:
    """The claim of a running instance, with all that the state knows about what it will need."""
    node = plan.nodes[instance.node_id]
    # A fallback receives what the node that it stands in for has received.
    source, source_node = instance, node
    error = outcomes = item = None
    while source_node.rescues is not None:
        source_node = plan.nodes[source_node.rescues]
        source = state.instances[instance_name(source_node.id, instance.path)]
        if error is None and source.error is not None:
            error = {**source.error, "node": source.name}
    if instance.index is not None:
        whole = state.instances[instance_name(instance.node_id, instance.path)]
        assert whole.batch is not None
        item = whole.batch.items[instance.index]
    if source_node.join == "all_done":
        outcomes = _outcomes(plan, state, source_node, source)
    values = source.values
    if node.loop is not None and instance.back is not None:
        values = {} if instance.back[1] is ABSENT else {node.loop.end: instance.back[1]}
    return Claim(
        state.run_id,
        instance.name,
        instance.node_id,
        instance.path,
        instance.index,
        instance.attempt,
        nonce,
        source.arrivals or {},
        values,
        source.winner,
        instance.resumption,
        instance.carry,
        error,
        item,
        instance.iteration,
        outcomes,
        latest_generation(plan, instance, state.renewed_in) if state.renewed_in else 0,
    )


def _outcomes(plan: Plan, state: RunState, node: PlanNode, instance: Instance) -> JsonObject:
    """How the predecessors of an `all_done` join ended; a rescued one shows what rescued it."""
    result: JsonObject = {}
    for predecessor in node.predecessors:
        # A controller is outside of the loop whose body begins here.
        path = instance.path[: plan.nodes[predecessor].depth]
        other = state.instances[instance_name(predecessor, path)]
        while other.state == st.FAILED and is_rescued(state, other):
            assert other.rescuer is not None
            other = state.instances[other.rescuer]
        error = other.error if other.state == st.FAILED else _error_of(other)
        result[predecessor] = {"state": other.state, "output": other.output, "error": error}
    return result


def _error_of(instance: Instance) -> JsonValue:
    if instance.state in (st.POISONED, st.CANCELLED):
        return {
            "code": instance.state,
            "message": f"{instance.state}: {(instance.reason or {}).get('origin', '')}",
        }
    return None
