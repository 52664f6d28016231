"""What a run has come to: which failures count, and what its outputs are."""

from __future__ import annotations

from flowcraft_engine.kernel import state as st
from flowcraft_engine.kernel.naming import END
from flowcraft_engine.kernel.plan import Plan
from flowcraft_engine.kernel.state import Instance, RunState
from flowcraft_engine.values import JsonObject, JsonValue


def is_rescued(state: RunState, instance: Instance) -> bool:
    """True if the fallback of a failed instance, or the fallback's own, has completed."""
    while instance.state == st.FAILED and instance.rescuer is not None:
        instance = state.instances[instance.rescuer]
    return instance.state == st.COMPLETED


def is_lost(state: RunState, instance: Instance) -> bool:
    """True for what makes its run fail; items count with their whole."""
    if instance.index is not None or instance.state not in st.FAILURE_STATES:
        return False
    return not (instance.state == st.FAILED and is_rescued(state, instance))


def output_of(state: RunState, instance: Instance) -> JsonValue:
    """The output of an instance; that of its fallback, if one has stood in for it."""
    while instance.state == st.FAILED and instance.rescuer is not None:
        instance = state.instances[instance.rescuer]
    return instance.output


def failures(state: RunState) -> list[Instance]:
    """The instances that make the run fail, in the order in which they ended."""
    # Most have not failed, and need not be asked.
    found = [
        instance
        for instance in state.instances.values()
        if instance.state in st.FAILURE_STATES and is_lost(state, instance)
    ]
    return sorted(found, key=lambda instance: instance.finished_at or 0.0)


def run_failed(state: RunState) -> bool:
    return state.error is not None or bool(failures(state))


def run_outputs(plan: Plan, state: RunState) -> JsonObject:
    """The run's outputs: the declared ones, else those of the completed nodes that nothing follows."""
    if plan.outputs is not None:
        return state.end_output or {}
    result: JsonObject = {}
    for node_id in plan.terminal_nodes:
        instance = state.instances.get(node_id)
        if instance is not None and instance.state == st.COMPLETED and node_id != END:
            result[node_id] = instance.output
    return result


def child_result(plan: Plan, state: RunState) -> JsonValue:
    """What a sub-run gives its parent: declared outputs; else its only terminal output; else an object of them."""
    outputs = run_outputs(plan, state)
    if plan.outputs is None and len(outputs) < 2:
        return next(iter(outputs.values()), None)
    return outputs
