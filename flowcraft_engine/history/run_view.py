"""Folds the state of a run into its result."""

from __future__ import annotations

from flowcraft_engine.blueprint.finding import SourceLocation
from flowcraft_engine.blueprint.fixed_names import output_place
from flowcraft_engine.history.explain import explain
from flowcraft_engine.history.node_runs import NodeRuns
from flowcraft_engine.history.run_result import RunError, RunResult, WaitingNode
from flowcraft_engine.kernel import state as st
from flowcraft_engine.kernel.naming import END
from flowcraft_engine.kernel.outcome import failures, run_outputs
from flowcraft_engine.kernel.plan import Plan
from flowcraft_engine.kernel.state import Instance, RunState
from flowcraft_engine.values import JsonObject, JsonValue, copy_json


def run_result(plan: Plan, state: RunState, *, status: str | None = None) -> RunResult:
    """The run as it stands now; `status` is the derived one, where somebody knows it."""
    return RunResult(
        run_id=state.run_id,
        blueprint_id=state.blueprint_id,
        version=state.version,
        status=status or derived_status(state, is_moving=state.moving > 0),
        outputs=_copy(run_outputs(plan, state)) if state.is_final or state.end_output else {},
        context=_copy(state.context),
        errors=_errors(plan, state),
        nodes=NodeRuns(plan, state),
        waiting=[] if state.is_final else _all_waiting(plan, state),
        created_at=state.created_at,
        finished_at=state.finished_at,
        inputs=_copy(state.inputs),
        cancel_reason=state.cancel_reason,
        generation=state.generation,
    )


def derived_status(state: RunState, *, is_moving: bool, is_orphaned: bool = False) -> str:
    """`waiting`, `paused` and `interrupted` are no stored statuses: they are what the state looks like from here.

    `is_moving` says that something in the run or its sub-runs is under way, `is_orphaned` that no live process
    executes it.
    """
    if state.is_final:
        return state.status
    if state.paused_at is not None:
        return "paused"
    if state.waiting and not is_moving:
        return "waiting"
    return "interrupted" if is_orphaned else "running"


def _copy(values: JsonObject) -> JsonObject:
    return {key: copy_json(value) for key, value in values.items() if not key.startswith("_")}


def _errors(plan: Plan, state: RunState) -> list[RunError]:
    """What failed the run: failures first; pills only where nothing else explains it."""
    if state.error is not None:
        return [RunError(None, str(state.error["code"]), str(state.error["message"]))]
    if state.status == "cancelled" or (state.status == "completed"):
        return []
    found = failures(state)
    roots = [instance for instance in found if instance.state == st.FAILED]
    return [_error(plan, instance) for instance in roots or (found if state.is_final else [])]


def _error(plan: Plan, instance: Instance) -> RunError:
    error = instance.error or {"code": instance.state, "message": explain(instance) or instance.state}
    place = _place(plan, instance, error.get("cause"))
    location: JsonObject | None = None
    if place is not None:
        location = {"file": place.file, "line": place.line, "column": place.column}
    return RunError(instance.name, str(error["code"]), str(error["message"]), error.get("cause"), location)


def _place(plan: Plan, instance: Instance, cause: JsonValue) -> SourceLocation | None:
    """Where the node was written; of the outputs, the one that failed; and the edge, if its expression did."""
    if instance.node_id == END and isinstance(cause, dict):
        return plan.blueprint.locations.get(output_place(str(cause.get("output"))))
    edge = cause.get("edge") if isinstance(cause, dict) else None
    found = plan.blueprint.edge_location(edge) if isinstance(edge, int) else None
    return found or plan.nodes[instance.node_id].location


def _all_waiting(plan: Plan, state: RunState) -> list[WaitingNode]:
    found = (_waiting(plan, instance) for instance in state.instances.values())
    return [wait for wait in found if wait is not None]


def _waiting(plan: Plan, instance: Instance) -> WaitingNode | None:
    if instance.state == st.RETRYING:
        return WaitingNode(instance.name, "retry", None, instance.due)
    wait = instance.wait or {}
    kind = str(wait.get("kind"))
    if instance.state != st.WAITING or kind in (st.ITEMS, st.BODY):
        return None
    message = wait.get("message")
    return WaitingNode(
        node=instance.name,
        reason=kind,
        since=instance.waiting_since,
        until=instance.due,
        message=str(message) if message else None,
        run_id=str(wait["child"]) if kind == st.CHILD else None,
        actions=actions_of(plan, instance) if kind == st.ANSWER else (),
    )


def actions_of(plan: Plan, instance: Instance) -> tuple[str, ...]:
    """The actions that an answer to this instance may be routed by; those of an item route nothing."""
    return plan.nodes[instance.node_id].actions if instance.index is None else ()
