"""The fold: how each event changes the state. The only code that changes a `RunState`.

A transition emits events and thereby applies them; loading a run applies the stored ones. Both come through
`apply`, so a run that was read back is the run that was written.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from flowcraft_engine.kernel import event as ev
from flowcraft_engine.kernel import state as st
from flowcraft_engine.kernel.commands import ABSENT
from flowcraft_engine.kernel.delta import changed_keys, growth
from flowcraft_engine.kernel.event import MICROSECONDS, Event
from flowcraft_engine.kernel.naming import END, InstanceName, Path, instance_name, item_name
from flowcraft_engine.kernel.plan import Plan, Target
from flowcraft_engine.kernel.rewind import begin_generation
from flowcraft_engine.kernel.state import Batch, Instance, RunState

_MOVING = frozenset({st.READY, st.RUNNING, st.RETRYING})


def apply(plan: Plan, state: RunState, event: Event) -> None:
    """Change `state` by one fact. Instances whose joins must be looked at are left in `state.touched`."""
    FOLDS[event.type](plan, state, event)
    state.seq += 1


def replay(plan: Plan, run_id: str, events: Iterable[Event]) -> RunState:
    """The state after `events`, from the first one on."""
    state = RunState(run_id)
    extend(plan, state, events)
    return state


def extend(plan: Plan, state: RunState, events: Iterable[Event]) -> None:
    """Apply events that others have written; their transitions have already drawn the consequences."""
    for event in events:
        apply(plan, state, event)
        state.touched.clear()


def find_or_add(plan: Plan, state: RunState, name: str) -> Instance:
    """The instance of that name, made if this is the first one hears of it."""
    instance = state.instances.get(name)
    if instance is None:
        if name in plan.nodes:
            instance = Instance(name, name, ())
        else:
            parsed = InstanceName.parse(name)
            assert parsed is not None, name
            instance = Instance(name, parsed.node_id, parsed.path, parsed.index)
        state.instances[name] = instance
    return instance


def names_within(plan: Plan, state: RunState) -> list[str]:
    """All nodes of the run, and of the passes of its loops that are under way, reached or not."""
    names = list(plan.root_nodes)
    # Of a pass whose controller is poisoned already, too.
    for controller in [it for it in state.instances.values() if it.body_open]:
        loop = plan.nodes[controller.node_id].loop
        assert loop is not None
        path = (*controller.path, controller.iteration)
        names += [instance_name(node_id, path) for node_id in loop.body]
    return names


def _run_started(plan: Plan, state: RunState, event: Event) -> None:
    data = event.data
    state.blueprint_id = data["blueprint_id"]
    state.version = data.get("version")
    state.digest = data["digest"]
    state.pins = data.get("pins", {})
    state.inputs = data["inputs"]
    state.context.update(data["context"])
    state.context_size = growth({}, data["context"]) if data["context"] else 0
    state.entry = data.get("entry")
    state.key_base = data.get("key_base", state.run_id)
    parent = data.get("parent")
    state.parent = (parent[0], parent[1]) if parent else None
    state.deadline = data.get("deadline")
    state.created_at = event.at / MICROSECONDS
    state.open = len(plan.root_nodes)


def _node_ready(plan: Plan, state: RunState, event: Event) -> None:
    node_ready(plan, state, event.instance, event.reason)


def node_ready(plan: Plan, state: RunState, name: str, reason: Any) -> None:
    instance = state.instances.get(name) or find_or_add(plan, state, name)
    if instance.node_id == END:
        state.open += 1
    if instance.state == st.RETRYING:
        state.moving -= 1
        instance.due = None
    instance.state = st.READY
    instance.reason = reason
    state.moving += 1


def _node_started(plan: Plan, state: RunState, event: Event) -> None:
    node_started(state.instances[event.instance], event.at, event.data)


def node_started(instance: Instance, at: int, data: tuple[int, str, str]) -> None:
    instance.attempt, instance.nonce, instance.owner = data
    instance.state = st.RUNNING
    if instance.started_at is None:
        instance.started_at = at / MICROSECONDS


def _node_completed(plan: Plan, state: RunState, event: Event) -> None:
    node_completed(plan, state, state.instances[event.instance], event.at, event.data)


def node_completed(plan: Plan, state: RunState, instance: Instance, at: int, data: dict[str, Any]) -> None:
    instance.output = data["output"]
    instance.action = data.get("action")
    if "delta" in data:
        _change_context(state, data["delta"])
    if instance.node_id == END:
        state.end_output = data["output"]
    _close(plan, state, instance, st.COMPLETED, at)
    if instance.index is not None:
        return
    taken = data.get("taken")
    node = plan.nodes[instance.node_id]
    if taken is None:
        for target in node.targets:
            _arrive(state, instance, target, target.edges[0].index)
        return
    values = data.get("values") or {}
    for target in node.targets:
        first = next((edge.index for edge in target.edges if edge.index in taken), st.DEAD)
        # JSON turns the keys of `values` into text.
        value = values.get(str(first), ABSENT)
        _arrive(state, instance, target, first, value)


def _node_retrying(plan: Plan, state: RunState, event: Event) -> None:
    instance = state.instances[event.instance]
    instance.state = st.RETRYING
    instance.error = event.data["error"]
    instance.due = event.data["due"]
    instance.carry = event.data.get("carry")
    instance.resumption = None


def _node_failed(plan: Plan, state: RunState, event: Event) -> None:
    instance = state.instances.get(event.instance) or find_or_add(plan, state, event.instance)
    instance.error = event.data["error"]
    instance.rescuer = event.data.get("fallback")
    instance.reason = event.reason
    _close(plan, state, instance, st.FAILED, event.at)
    if instance.rescuer is None and instance.index is None:
        _fail_targets(plan, state, instance)


def _node_waiting(plan: Plan, state: RunState, event: Event) -> None:
    instance = state.instances[event.instance]
    _leave(state, instance)
    instance.state = st.WAITING
    instance.wait = event.data
    instance.waiting_since = event.at / MICROSECONDS
    instance.due = event.data.get("due")
    instance.reason = event.reason
    if "delta" in event.data:
        _change_context(state, event.data["delta"])
    state.waiting[instance.name] = instance


def _node_resumed(plan: Plan, state: RunState, event: Event) -> None:
    instance = state.instances[event.instance]
    if instance.state == st.WAITING:
        state.waiting.pop(instance.name, None)
        state.moving += 1
    instance.state = st.READY
    instance.due = None
    instance.reason = event.reason
    instance.resumption = event.data
    if event.data["kind"] == st.ANSWER:
        instance.answer = {"output": event.data["output"], "action": event.data["action"]}
        state.early.pop(instance.node_id, None)


def _node_poisoned(plan: Plan, state: RunState, event: Event) -> None:
    _give_up(plan, state, event, st.POISONED)


def _node_cancelled(plan: Plan, state: RunState, event: Event) -> None:
    instance = _give_up(plan, state, event, st.CANCELLED)
    # A fallback that can no longer help leaves the node that it was for failed for good.
    rescued = plan.nodes[instance.node_id].rescues
    if rescued is not None and instance.index is None:
        other = state.instances.get(instance_name(rescued, instance.path))
        if other is not None and other.state == st.FAILED:
            _fail_targets(plan, state, instance)


def _give_up(plan: Plan, state: RunState, event: Event, outcome: str) -> Instance:
    instance = state.instances.get(event.instance) or find_or_add(plan, state, event.instance)
    instance.reason = event.reason
    _close(plan, state, instance, outcome, event.at)
    if instance.index is None:
        for target in plan.nodes[instance.node_id].own_targets:
            _arrive(state, instance, target, st.FAILED_EDGE)
    return instance


def _node_skipped(plan: Plan, state: RunState, event: Event) -> None:
    instance = state.instances.get(event.instance) or find_or_add(plan, state, event.instance)
    instance.reason = event.reason
    _close(plan, state, instance, st.SKIPPED, event.at)
    for target in plan.nodes[instance.node_id].own_targets:
        _arrive(state, instance, target, st.DEAD)


def _node_released(plan: Plan, state: RunState, event: Event) -> None:
    instance = state.instances[event.instance]
    instance.state = st.READY
    instance.nonce = None
    if instance.resumption is None:
        instance.attempt -= 1
    if event.data.get("crash"):
        instance.crashes += 1


def _loop_continued(plan: Plan, state: RunState, event: Event) -> None:
    controller = state.instances[event.instance]
    node = plan.nodes[controller.node_id]
    assert node.loop is not None
    _leave(state, controller)
    controller.state = st.WAITING
    # The input of every pass is kept for those who go back to one.
    passes: Any = controller.wait["outputs"] if controller.wait is not None else {}
    passes[event.data["iteration"]] = event.data["output"]
    controller.wait = {"kind": st.BODY, "outputs": passes}
    controller.resumption = None
    controller.iteration = event.data["iteration"]
    controller.output = event.data["output"]
    controller.back = None
    controller.reason = event.reason
    controller.body_open = len(node.loop.body)
    state.open += controller.body_open
    state.waiting[controller.name] = controller
    for target in node.targets:
        if target.hop == 1:
            _arrive(state, controller, target, target.edges[0].index)


def _items_scattered(plan: Plan, state: RunState, event: Event) -> None:
    whole = state.instances[event.instance]
    _leave(state, whole)
    whole.state = st.WAITING
    whole.wait = {"kind": st.ITEMS}
    whole.batch = Batch(event.data)
    whole.reason = event.reason
    state.waiting[whole.name] = whole


def _items_ready(plan: Plan, state: RunState, event: Event) -> None:
    whole = state.instances[event.instance]
    assert whole.batch is not None
    first, end = event.data
    whole.batch.active += end - first
    state.moving += end - first
    if first < whole.batch.cursor:
        # Items of a retry exist already, and are counted.
        del whole.batch.again[: end - first]
        for index in range(first, end):
            item = state.instances[item_name(whole.name, index)]
            item.state, item.reason = st.READY, event.reason
        return
    for index in range(first, end):
        name = item_name(whole.name, index)
        item = Instance(name, whole.node_id, whole.path, index)
        item.state = st.READY
        item.reason = event.reason
        state.instances[name] = item
    whole.batch.cursor = end
    state.open += end - first


def _items_given_up(plan: Plan, state: RunState, event: Event) -> None:
    whole = state.instances[event.instance]
    assert whole.batch is not None
    for index in range(whole.batch.cursor):
        item = state.instances[item_name(whole.name, index)]
        if item.state == st.PENDING:
            whole.batch.active += 1  # which closing takes back
        elif item.state != st.READY or item.has_started:
            continue
        item.reason = event.reason
        _close(plan, state, item, st.CANCELLED, event.at)
    whole.batch.cursor = len(whole.batch.items)
    whole.batch.again = []
    whole.batch.failed = True


def _signal_buffered(plan: Plan, state: RunState, event: Event) -> None:
    state.early[event.instance] = event.data


def _fail_fast_tripped(plan: Plan, state: RunState, event: Event) -> None:
    state.tripped = True


def _cancel_requested(plan: Plan, state: RunState, event: Event) -> None:
    state.cancel_reason = event.reason.get("text")
    for name in names_within(plan, state):
        find_or_add(plan, state, name)
    for instance in state.instances.values():
        if not instance.is_terminal:
            instance.state = st.CANCELLED
            instance.finished_at = event.at / MICROSECONDS
            instance.reason = event.reason
    state.open = state.moving = 0
    state.waiting.clear()


def _run_finished(plan: Plan, state: RunState, event: Event) -> None:
    state.status = event.data["status"]
    state.error = event.data.get("error")
    state.finished_at = event.at / MICROSECONDS


def _run_paused(plan: Plan, state: RunState, event: Event) -> None:
    state.paused_at = event.at / MICROSECONDS


def _run_unpaused(plan: Plan, state: RunState, event: Event) -> None:
    state.paused_at = None
    state.deadline = event.data["deadline"]


def _change_context(state: RunState, delta: Any) -> None:
    changed = changed_keys(state.context, delta)
    state.context_size += growth(state.context, changed)
    for key, value in changed.items():
        if value is ABSENT:
            state.context.pop(key, None)
        else:
            state.context[key] = value


def _leave(state: RunState, instance: Instance) -> None:
    if instance.state in _MOVING:
        state.moving -= 1
    elif instance.state == st.WAITING:
        state.waiting.pop(instance.name, None)


def _close(plan: Plan, state: RunState, instance: Instance, outcome: str, at: int) -> None:
    # As `_leave`, written out: every instance closes.
    if instance.state in _MOVING:
        state.moving -= 1
    elif instance.state == st.WAITING:
        state.waiting.pop(instance.name, None)
    instance.state = outcome
    if outcome != st.COMPLETED:
        instance.output = None
    instance.finished_at = at / MICROSECONDS
    instance.due = None
    state.open -= 1
    if instance.index is not None:
        batch = state.instances[instance_name(instance.node_id, instance.path)].batch
        assert batch is not None
        batch.active -= 1
    elif instance.path:
        controller_of(plan, state, instance).body_open -= 1


def controller_of(plan: Plan, state: RunState, instance: Instance) -> Instance:
    """The loop controller instance in whose body `instance` runs."""
    controller = plan.nodes[instance.node_id].scopes[-1]
    return state.instances[instance_name(controller, instance.path[:-1])]


def _fail_targets(plan: Plan, state: RunState, instance: Instance) -> None:
    for target in plan.nodes[instance.node_id].targets:
        _arrive(state, instance, target, st.FAILED_EDGE)


def _arrive(state: RunState, source: Instance, target: Target, outcome: int, value: Any = ABSENT) -> None:
    """One edge instance is decided: `outcome` is the index of the taken edge, `DEAD` or `FAILED_EDGE`."""
    hop = target.hop
    if hop == 0:
        path: Path = source.path
    elif hop == 1:
        if not source.iteration or source.state != st.WAITING:
            return  # the loop is over: what remains of its body has ended by itself
        path = (*source.path, source.iteration)
    else:
        controller = state.instances[instance_name(target.node_id, source.path[:-1])]
        controller.back = source.back = (outcome, value)
        return
    name = instance_name(target.node_id, path) if path else target.node_id
    instance = state.instances.get(name)
    if instance is None:
        instance = state.instances[name] = Instance(name, target.node_id, path)
    if instance.arrivals is None:
        instance.arrivals = {target.source: outcome}
    elif target.source in instance.arrivals:
        return
    else:
        instance.arrivals[target.source] = outcome
    if outcome >= 0:
        instance.taken += 1
        if instance.winner is None:
            instance.winner = target.source
        if value is not ABSENT:
            if instance.values is None:
                instance.values = {}
            instance.values[target.source] = value
    elif outcome == st.FAILED_EDGE and instance.failed_by is None:
        instance.failed_by = target.source
    state.touched.append(instance)


FOLDS: dict[str, Callable[[Plan, RunState, Event], None]] = {
    ev.RUN_STARTED: _run_started,
    ev.NODE_READY: _node_ready,
    ev.NODE_STARTED: _node_started,
    ev.NODE_COMPLETED: _node_completed,
    ev.NODE_RETRYING: _node_retrying,
    ev.NODE_FAILED: _node_failed,
    ev.NODE_WAITING: _node_waiting,
    ev.NODE_RESUMED: _node_resumed,
    ev.NODE_POISONED: _node_poisoned,
    ev.NODE_CANCELLED: _node_cancelled,
    ev.NODE_SKIPPED: _node_skipped,
    ev.NODE_RELEASED: _node_released,
    ev.LOOP_CONTINUED: _loop_continued,
    ev.ITEMS_SCATTERED: _items_scattered,
    ev.ITEMS_READY: _items_ready,
    ev.ITEMS_GIVEN_UP: _items_given_up,
    ev.SIGNAL_BUFFERED: _signal_buffered,
    ev.FAIL_FAST_TRIPPED: _fail_fast_tripped,
    ev.CANCEL_REQUESTED: _cancel_requested,
    ev.RUN_FINISHED: _run_finished,
    ev.RUN_PAUSED: _run_paused,
    ev.RUN_UNPAUSED: _run_unpaused,
    ev.GENERATION_BEGAN: begin_generation,
}
