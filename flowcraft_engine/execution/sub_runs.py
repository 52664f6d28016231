"""Sub-runs: starting the child that an instance waits for, and bringing its result home.

Starting is an intent stored with the parent and the child's id is derived, so both steps may be repeated at will.
"""

from __future__ import annotations

from flowcraft_engine.blueprint.run_inputs import bind_inputs
from flowcraft_engine.errors import InputError
from flowcraft_engine.kernel import state as st
from flowcraft_engine.kernel.commands import Effects, Start
from flowcraft_engine.kernel.lineage import latest_generation
from flowcraft_engine.kernel.locate import locate
from flowcraft_engine.kernel.naming import key_base
from flowcraft_engine.kernel.outcome import child_result, failures, output_of
from flowcraft_engine.kernel.plan import Plan
from flowcraft_engine.kernel.state import RunState
from flowcraft_engine.stores.coordination_store import CoordinationStore
from flowcraft_engine.values import JsonObject, JsonValue

_UNWANTED = "nobody waits for this sub-run any more"


async def start_child(store: CoordinationStore, parent: str, instance: str) -> tuple[str, Effects]:
    """Start the child run that `instance` of `parent` waits for, if it is not there yet.

    Returns the run that has something to do now, and what: the child, or the parent if the child cannot start.
    """
    parent_plan, state = await store.glance(parent)
    waiting = state.instances.get(instance)
    if waiting is None or waiting.wait is None:
        return parent, Effects()
    if waiting.state in st.TERMINAL_STATES:
        return await _end_late_child(store, parent, waiting.wait)
    if waiting.state != st.WAITING or state.paused_at is not None:
        return parent, Effects()
    wait = await store.fill_in(parent, waiting.wait)
    if wait["kind"] != st.CHILD:
        return parent, Effects()
    child = str(wait["child"])
    plan = await store.plan(state.pins[str(wait["blueprint_id"])])
    given = wait["inputs"]
    try:
        inputs = bind_inputs(plan.blueprint, given if isinstance(given, dict) else {})
    except InputError as error:
        message = f"sub-run {plan.blueprint.id} cannot start: {error.message}"
        result: JsonObject = {"status": "failed", "message": message}
        return parent, await store.deliver(parent, instance, child, result)
    command = Start(
        run_id=child,
        inputs=inputs,
        pins=state.pins,
        entry=wait["entry"] if given is None else None,
        parent=(parent, instance),
        key_base=f"{key_base(state.key_base, latest_generation(parent_plan, waiting, state.renewed_in))}\0{instance}",
    )
    effects = await store.start(plan, command)
    if effects is not None:
        _, state = await store.glance(parent)
        if _waits_for(state, instance, child):
            if state.paused_at is None:
                return child, effects
            return child, await _pause_with(store, parent, child)
        # Given up since we looked: whoever wanted to cancel the child may have found none yet.
        return child, await store.cancel(child, _UNWANTED, generation=1)
    _, child_state = await store.glance(child)
    if child_state.is_final:
        return parent, await deliver_result(store, child)
    return child, await store.outstanding(child)


async def _pause_with(store: CoordinationStore, parent: str, child: str) -> Effects:
    """Pause a child whose parent was paused since we looked: whoever did that may have found no child yet."""
    await store.pause(child)
    _, state = await store.glance(parent)
    if state.paused_at is not None:
        return Effects()
    # And unpaused again: whoever did that may have found the child unpaused.
    await store.unpause(child)
    return await store.outstanding(child)


async def _end_late_child(store: CoordinationStore, parent: str, wait: JsonObject) -> tuple[str, Effects]:
    """End the child of an instance that has ended: whoever started it may have died before it saw that."""
    child = str(wait.get("child", ""))
    if wait["kind"] == st.CHILD and await store.exists(child):
        ended = await end_unwanted(store, child)
        if ended is not None:
            return child, ended
    return parent, Effects()


async def end_unwanted(store: CoordinationStore, child: str) -> Effects | None:
    """Cancel a child run that nobody waits for; None if somebody does, or will in a moment, or it has ended.

    Whoever asks for it may have been told long ago: the child may go on since, in another generation.
    """
    _, state = await store.glance(child)
    if state.is_final or state.parent is None:
        return None
    parent, instance = state.parent
    _, above = await store.glance(parent)
    # A retry, or a rerun, begins first the child again, and then the run above it.
    is_early = state.ahead_of > above.generation
    if is_early or _waits_for(above, instance, child):
        return None
    return await store.cancel(child, _UNWANTED, generation=state.generation)


def _waits_for(parent: RunState, instance: str, child: str) -> bool:
    waiting = parent.instances.get(instance)
    return (
        waiting is not None
        and waiting.state == st.WAITING
        and waiting.wait is not None
        and waiting.wait.get("child") == child
    )


async def deliver_result(store: CoordinationStore, child: str) -> Effects:
    """Give the result of an ended child run to its parent. Does nothing if nobody waits for it."""
    plan, state = await store.snapshot(child)
    if state.parent is None or not state.is_final:  # it may have begun another generation since
        return Effects()
    parent, instance = state.parent
    _, parent_state = await store.glance(parent)
    generation = parent_state.generation
    if generation > 1:  # it may wait for this child again, which has begun anew after we looked at it
        plan, state = await store.snapshot(child)
        if not state.is_final:
            return Effects()
    waiting = parent_state.instances.get(instance)
    wanted = waiting.wait.get("outputs") if waiting is not None and waiting.wait is not None else None
    wanted = await store.fill_in(parent, wanted)
    result = _result(plan, state, wanted if isinstance(wanted, dict) else {})
    return await store.deliver(parent, instance, child, result, generation=generation)


def _result(plan: Plan, state: RunState, wanted: JsonObject) -> JsonObject:
    if state.status == "completed":
        values = {key: _value_of(plan, state, str(source)) for key, source in wanted.items()}
        return {"status": "completed", "outputs": child_result(plan, state), "values": values}
    name = plan.blueprint.id
    found = [instance for instance in failures(state) if instance.error is not None]
    if state.status == "failed" and (found or state.error):
        error: JsonObject = (found[0].error if found else state.error) or {}
        where = f"node {found[0].name}" if found else "the run"
        cause: JsonObject = {**error, "node": found[0].name if found else None, "run_id": state.run_id}
        return {
            "status": "failed",
            "message": f"sub-run {name}: {where} failed: {error['message']}",
            "cause": cause,
        }
    why = f": {state.cancel_reason}" if state.cancel_reason else ""
    return {"status": state.status, "message": f"sub-run {name} was {state.status}{why}"}


def _value_of(plan: Plan, state: RunState, source: str) -> JsonValue:
    """A node of the child (in a loop: its last iteration), else a key of its context."""
    if source in plan.node_ids:
        instance = locate(plan, state, source, (), ())
        return None if instance is None else output_of(state, instance)
    return state.context.get(source)
