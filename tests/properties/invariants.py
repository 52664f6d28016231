"""What holds of every run at every moment, told from the state and the events alone."""

from __future__ import annotations

from collections import Counter

from flowcraft_engine.kernel import event as ev
from flowcraft_engine.kernel import state as st
from flowcraft_engine.kernel.event import Event
from flowcraft_engine.kernel.naming import END, instance_name
from flowcraft_engine.kernel.plan import Plan, PlanNode
from flowcraft_engine.kernel.state import Instance, RunState

MOVING = {st.READY, st.RUNNING, st.RETRYING}
ENDINGS = {ev.NODE_COMPLETED, ev.NODE_FAILED, ev.NODE_POISONED, ev.NODE_CANCELLED, ev.NODE_SKIPPED}
JOIN_RULES = {"all", "any", "all_done"}
#: Waits that somebody, or time, ends.
OPEN_WAITS = {st.ANSWER, st.TIMER, st.CHILD}


def check(plan: Plan, state: RunState, events: list[Event]) -> None:
    """Raises `AssertionError` for the first thing that does not hold."""
    _counters(plan, state)
    _end(plan, state)
    for instance in state.instances.values():
        _instance(plan, state, instance)
    _history(state, events)


def expected_instances(plan: Plan, state: RunState) -> list[str]:
    """All instances that have to end, those that nothing has reached yet included."""
    names = list(plan.root_nodes)
    for instance in state.instances.values():
        loop = plan.nodes[instance.node_id].loop
        for iteration in range(1, instance.iteration + 1):
            assert loop is not None
            names += [instance_name(node, (*instance.path, iteration)) for node in loop.body]
    names += [it.name for it in state.instances.values() if it.index is not None]
    return names + [END] * (END in state.instances)


def _counters(plan: Plan, state: RunState) -> None:
    assert not state.touched
    instances = state.instances
    waiting = [name for name, it in instances.items() if it.state == st.WAITING]
    assert sorted(state.waiting) == sorted(waiting)
    assert all(state.waiting[name] is instances[name] for name in state.waiting)
    assert state.moving == sum(it.state in MOVING for it in instances.values()), "moving"
    names = expected_instances(plan, state)
    still_open = [name for name in names if name not in instances or not instances[name].is_terminal]
    if state.status == "cancelled" or state.error is not None:
        # Iterations and joins that never began have no instance; nothing of them is open.
        assert all(it.is_terminal for it in instances.values())
        still_open = []
    assert state.open == len(still_open), f"open {state.open}, but not ended are {still_open}"
    assert set(instances) <= set(names), "an instance that nobody counts"


def _end(plan: Plan, state: RunState) -> None:
    assert state.is_final == (state.open == 0)
    if state.is_final:
        assert state.finished_at is not None
        if state.status != "cancelled":
            assert (state.status == "failed") == (state.error is not None or _has_failed(state))
        if state.status == "completed" and plan.outputs is not None:
            assert state.instances[END].state == st.COMPLETED
        return
    stuck = not state.moving and not any(
        (it.wait or {})["kind"] in OPEN_WAITS for it in state.waiting.values()
    )
    assert not stuck, f"nothing moves and nobody is waited for: {_shown(state)}"


def _has_failed(state: RunState) -> bool:
    lost = {st.POISONED, st.CANCELLED}
    return any(
        it.index is None and (it.state in lost or (it.state == st.FAILED and not _is_rescued(state, it)))
        for it in state.instances.values()
    )


def _is_rescued(state: RunState, instance: Instance) -> bool:
    if instance.state == st.FAILED and instance.rescuer is not None:
        return _is_rescued(state, state.instances[instance.rescuer])
    return instance.state == st.COMPLETED


def _instance(plan: Plan, state: RunState, instance: Instance) -> None:
    node = plan.nodes[instance.node_id]
    name = instance.name
    assert instance.state == st.PENDING or instance.reason is not None, f"{name} has no reason"
    assert instance.attempt <= node.max_attempts, f"{name}: more attempts than allowed"
    assert instance.is_terminal == (instance.finished_at is not None), name
    assert instance.state != st.RUNNING or (instance.nonce and instance.has_started)
    _edges(plan, state, instance)
    if instance.index is None and instance.state in (st.READY, st.RUNNING) and not instance.resumption:
        _join(node, instance)
    if instance.batch is not None:
        items = [it for it in state.instances.values() if _is_item_of(it, instance)]
        under_way = [it for it in items if not it.is_terminal and it.state != st.PENDING]
        assert instance.batch.active == len(under_way) or state.is_final, name
        if node.for_each is not None and node.for_each.concurrency is not None:
            assert instance.batch.active <= node.for_each.concurrency, name


def _is_item_of(item: Instance, whole: Instance) -> bool:
    return item.index is not None and (item.node_id, item.path) == (whole.node_id, whole.path)


def _edges(plan: Plan, state: RunState, instance: Instance) -> None:
    """Every decided edge has a source that has ended; a controller's edges into its body excepted."""
    arrivals = instance.arrivals or {}
    assert instance.taken == sum(edge >= 0 for edge in arrivals.values())
    for predecessor in arrivals:
        depth = plan.nodes[predecessor].depth
        source = state.instances[instance_name(predecessor, instance.path[:depth])]
        assert source.is_terminal or depth < len(instance.path), f"{predecessor} -> {instance.name}"


def _join(node: PlanNode, instance: Instance) -> None:
    """A node that may run has a join that let it."""
    arrivals = instance.arrivals or {}
    if node.rescues is not None or not node.predecessors:
        assert not arrivals
    elif node.join == "any":
        assert instance.taken
        assert instance.has_started or instance.failed_by is None, f"{instance.name} should be cancelled"
    else:
        assert len(arrivals) == len(node.predecessors), f"{instance.name} runs before its predecessors"
        if node.join == "all":
            assert instance.taken
            assert instance.failed_by is None


def _history(state: RunState, events: list[Event]) -> None:
    assert state.seq == len(events)
    assert all(event.reason is not None for event in events), "an event without a reason"
    ends: Counter[str] = Counter()
    fired: Counter[str] = Counter()
    for event in events:
        if event.type == ev.GENERATION_BEGAN:
            for name in touched_by(event):
                ends.pop(name, None)
                fired.pop(name, None)
        ends[event.instance] += event.type in ENDINGS
        fired[event.instance] += event.type == ev.NODE_READY and event.reason["rule"] in JOIN_RULES
    assert not [name for name, count in ends.items() if count > 1], "ended twice"
    assert not [name for name, count in fired.items() if count > 1], "a join fired twice"
    finished = sum(event.type == ev.RUN_FINISHED for event in events)
    assert finished == state.generation - (not state.is_final)


def touched_by(generation: Event) -> set[str]:
    """The instances that this generation does not leave as they were."""
    data = generation.data
    items = {f"{whole}[{index}]" for whole, how in data["on"].items() for index in how.get("items", ())}
    return {*data["anew"], *data["on"], *data["removed"], *items}


def _shown(state: RunState) -> dict[str, str]:
    return {name: instance.state for name, instance in state.instances.items()}
