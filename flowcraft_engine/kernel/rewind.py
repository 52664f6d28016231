"""Folds the beginning of a generation into the state: the one event that takes back what has ended.

The event says which instances begin anew, go on or are removed; here is what each of these means. Counters are taken
again from the instances: a generation is rare, and costs one look at each of them.
"""

from __future__ import annotations

from typing import Any

from flowcraft_engine.kernel import state as st
from flowcraft_engine.kernel.event import MICROSECONDS, Event
from flowcraft_engine.kernel.naming import END, instance_name, item_name
from flowcraft_engine.kernel.plan import Plan, Target
from flowcraft_engine.kernel.state import Instance, RunState
from flowcraft_engine.values import JsonObject


def begin_generation(plan: Plan, state: RunState, event: Event) -> None:
    """Apply a `generation_began` event. Instances whose joins must be looked at are left in `state.touched`."""
    data = event.data
    _reopen(state, event)
    _take_back_edges(plan, state, [*data["anew"], *data["on"]])
    for name in data["removed"]:
        del state.instances[name]
    for name in data["anew"]:
        state.instances[name] = _fresh(state.instances[name])
    for name, how in data["on"].items():
        _go_on(state, state.instances[name], how, event)
    for name in data["on"]:
        instance = state.instances[name]
        if instance.index is not None:
            whole = state.instances[instance_name(instance.node_id, instance.path)]
            assert whole.batch is not None
            whole.batch.active += 1
        _see_to_the_body(plan, state, instance)
    state.waiting.clear()
    state.waiting.update({it.name: it for it in state.instances.values() if it.state == st.WAITING})
    state.moving = 0
    state.open = sum(
        name not in state.instances or not state.instances[name].is_terminal
        for name in _expected(plan, state)
    )
    state.touched.extend(state.instances[name] for name in data["anew"] if state.instances[name].arrivals)


def _reopen(state: RunState, event: Event) -> None:
    data = event.data
    state.status = "running"
    state.generation = generation = data["generation"]
    state.deadline = data["deadline"]
    state.ahead_of = data.get("ahead_of", 0)
    state.finished_at = state.error = state.cancel_reason = state.end_output = state.paused_at = None
    state.tripped = False
    touched = dict.fromkeys((*data["anew"], *data["on"], *data["removed"]), generation)
    state.begun_in = {**state.begun_in, **touched}
    if data["kind"] == "rerun":
        state.renewed_in = {**state.renewed_in, **touched}


def _take_back_edges(plan: Plan, state: RunState, names: list[str]) -> None:
    """The edges of these instances are pending again."""
    for name in names:
        source = state.instances[name]
        for target in targets_of(plan, state, source):
            follower = state.instances.get(instance_name(target.node_id, source.path))
            if target.hop == 0 and follower is not None and target.source in (follower.arrivals or ()):
                _forget_arrival(follower, target.source)


def targets_of(plan: Plan, state: RunState, instance: Instance) -> tuple[Target, ...]:
    """The successors whose edges the end of this instance has decided, or will decide."""
    node = plan.nodes[instance.node_id]
    if node.rescues is not None:
        rescued = state.instances.get(instance_name(node.rescues, instance.path))
        if rescued is None or rescued.rescuer != instance.name:
            return node.own_targets  # a fallback that was not needed
    return node.targets


def _forget_arrival(instance: Instance, source: str) -> None:
    # Mappings are replaced, never shortened: whoever has to take this step back finds the old ones.
    arrivals = {name: edge for name, edge in (instance.arrivals or {}).items() if name != source}
    instance.arrivals = arrivals
    if instance.values is not None:
        instance.values = {name: value for name, value in instance.values.items() if name != source}
    instance.taken = sum(edge >= 0 for edge in arrivals.values())
    instance.winner = next((name for name, edge in arrivals.items() if edge >= 0), None)
    instance.failed_by = next((name for name, edge in arrivals.items() if edge == st.FAILED_EDGE), None)


def _fresh(old: Instance) -> Instance:
    """The instance as it was before anything happened to it but the edges that have been decided."""
    new = Instance(old.name, old.node_id, old.path, old.index)
    new.arrivals = dict(old.arrivals) if old.arrivals is not None else None
    new.values = dict(old.values) if old.values is not None else None
    new.taken = old.taken
    new.winner, new.failed_by = old.winner, old.failed_by
    # A late copy of its last claim, or commit, is still known as one.
    new.nonce = old.nonce
    return new


def _go_on(state: RunState, instance: Instance, how: JsonObject, event: Event) -> None:
    """It waits again, for what it was waiting for."""
    number: Any
    passes: Any
    instance.state = st.WAITING
    instance.reason = {"rule": "goes_on", "kind": how["kind"], "generation": state.generation}
    instance.finished_at = instance.due = instance.error = instance.rescuer = instance.resumption = None
    instance.output = instance.action = None
    # How long it took is told of this generation.
    instance.started_at = event.at / MICROSECONDS
    if how["kind"] == st.BODY:
        number, passes = how["iteration"], (instance.wait or {})["outputs"]
        kept = {iteration: output for iteration, output in passes.items() if iteration <= number}
        instance.wait = {"kind": st.BODY, "outputs": kept}
        instance.iteration, instance.output = number, passes[number]
    elif how["kind"] == st.ITEMS:
        instance.wait = {"kind": st.ITEMS}
        number = how["items"]
        _go_on_with_items(state, instance, number)
    else:
        instance.waiting_since = event.at / MICROSECONDS


def _go_on_with_items(state: RunState, whole: Instance, again: list[int]) -> None:
    batch = whole.batch
    assert batch is not None
    batch.failed, batch.active, batch.again = False, 0, list(again)
    names = (item_name(whole.name, index) for index in range(len(batch.items)))
    batch.cursor = sum(name in state.instances for name in names)
    for index in again:
        name = item_name(whole.name, index)
        state.instances[name] = _fresh(state.instances[name])


def _see_to_the_body(plan: Plan, state: RunState, controller: Instance) -> None:
    """How much of the pass is open, and what its end node gave back, if it has ended and stays so."""
    loop = plan.nodes[controller.node_id].loop
    if loop is None or controller.wait is None or controller.wait["kind"] != st.BODY:
        return
    path = (*controller.path, controller.iteration)
    body = [state.instances.get(instance_name(node_id, path)) for node_id in loop.body]
    controller.body_open = sum(instance is None or not instance.is_terminal for instance in body)
    last = state.instances.get(instance_name(loop.end, path))
    while last is not None and last.state == st.FAILED and last.rescuer is not None:
        last = state.instances[last.rescuer]
    controller.back = last.back if last is not None and last.is_terminal else None


def _expected(plan: Plan, state: RunState) -> list[str]:
    """All instances that have to end, those that nothing has reached yet included."""
    names = list(plan.root_nodes)
    for instance in state.instances.values():
        if instance.index is not None or instance.node_id == END:
            names.append(instance.name)
        loop = plan.nodes[instance.node_id].loop
        if loop is None:
            continue
        for iteration in range(1, instance.iteration + 1):
            path = (*instance.path, iteration)
            names += [instance_name(node_id, path) for node_id in loop.body]
    return names
