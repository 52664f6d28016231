"""What whoever executes an instance is told about it."""

from __future__ import annotations

from typing import Any

from flowcraft_engine.kernel import state as st
from flowcraft_engine.kernel.commands import ABSENT, Claim
from flowcraft_engine.kernel.lineage import latest_generation
from flowcraft_engine.kernel.locate import locate
from flowcraft_engine.kernel.naming import instance_name
from flowcraft_engine.kernel.outcome import is_rescued, output_of
from flowcraft_engine.kernel.plan import Plan, PlanNode
from flowcraft_engine.kernel.received import givers, received
from flowcraft_engine.kernel.state import Instance, RunState
from flowcraft_engine.values import JsonObject, JsonValue

_new = object.__new__


def claim_of(plan: Plan, state: RunState, instance: Instance, nonce: str) -> Claim:
    """The claim of a running instance, with all that the state knows about what it will need."""
    node = plan.nodes[instance.node_id]
    source, source_node = instance, node
    error = outcomes = item = None
    given: Any = ABSENT
    if node.rescues is not None:
        source, source_node, error = _rescued(plan, state, instance, node)
    if instance.index is not None:
        whole = state.instances[instance_name(instance.node_id, instance.path)]
        assert whole.batch is not None
        given = item = whole.batch.items[instance.index]
    elif source_node.loop is not None and source is not instance and source.back and node.inputs is None:
        given = _came_back(plan, state, source_node, source)
    elif node.inputs is None and source_node.inputs is None and node.loop is None:
        given = _input_of(plan, state, source_node, source)
    if source_node.join == "all_done":
        outcomes = _outcomes(plan, state, source_node, source)
    values = source.values
    if node.loop is not None and instance.back is not None:
        values = {} if instance.back[1] is ABSENT else {node.loop.end: instance.back[1]}
    # Field by field: the call of a constructor with as many arguments costs more than all that is above.
    claim = _new(Claim)
    claim.run_id = state.run_id
    claim.instance = instance.name
    claim.node_id = instance.node_id
    claim.path = instance.path
    claim.index = instance.index
    claim.attempt = instance.attempt
    claim.nonce = nonce
    claim.arrivals = source.arrivals or {}
    claim.values = values
    claim.winner = source.winner
    claim.resumption = instance.resumption
    claim.carry = instance.carry
    claim.error = error
    claim.item = item
    claim.iteration = instance.iteration
    claim.outcomes = outcomes
    claim.input = given
    claim.keys = latest_generation(plan, instance, state.renewed_in) if state.renewed_in else 0
    return claim


def _rescued(
    plan: Plan, state: RunState, instance: Instance, node: PlanNode
) -> tuple[Instance, PlanNode, JsonObject | None]:
    """Whose input a fallback receives: the first of all, or a fallback with `inputs`; and the error that called it."""
    source = instance
    error: JsonObject | None = None
    while node.rescues is not None:
        node = plan.nodes[node.rescues]
        source = state.instances[instance_name(node.id, instance.path)]
        if error is None and source.error is not None:
            error = {**source.error, "node": source.name}
        if node.inputs is not None:
            break
    return source, node, error


def _input_of(plan: Plan, state: RunState, node: PlanNode, instance: Instance) -> Any:
    """What the predecessors of an instance have made for it, as far as that is all that its input depends on."""
    if not node.predecessors:
        return state.entry
    if node.join == "all_done":
        return ABSENT
    if node.has_one_giver:  # as `received` would say; it is asked for every node
        return None if instance.winner is None else _value_of(plan, state, node, instance, instance.winner)
    names = givers(node, instance.arrivals or {}, instance.winner)
    return received(node, names, [_value_of(plan, state, node, instance, name) for name in names])


def _came_back(plan: Plan, state: RunState, node: PlanNode, controller: Instance) -> JsonValue:
    """What a loop controller received for its last pass: from the end of its body."""
    assert node.loop is not None
    assert controller.back is not None
    made: Any = controller.back[1]
    if made is not ABSENT:
        return made  # type: ignore[no-any-return]  # a JSON value, unless absent
    other = locate(plan, state, node.loop.end, controller.path, node.scopes)
    return None if other is None else output_of(state, other)


def _value_of(plan: Plan, state: RunState, node: PlanNode, instance: Instance, giver: str) -> JsonValue:
    """What a predecessor gives to an instance: what the transform of its edge made, else its output."""
    if instance.values is not None and giver in instance.values:
        return instance.values[giver]
    # Outside of loops, predecessors are outside of loops, too.
    other = (
        locate(plan, state, giver, instance.path, node.scopes) if instance.path else state.instances[giver]
    )
    return None if other is None else output_of(state, other)


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
    """Of what was poisoned or cancelled, with the node that failed; what an attempt before that met is history."""
    if instance.state not in (st.POISONED, st.CANCELLED):
        return None
    reason: JsonObject = instance.reason or {}
    cause = reason.get("origin") or reason.get("node")
    return {
        "code": instance.state,
        "message": f"{instance.state}: {cause} failed" if cause else instance.state,
    }
