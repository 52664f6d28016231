"""Generations: what begins anew when a person retries or reruns a run, told from its state alone. Pure.

Theory of operation. `Rewind` collects instances in a work list and follows what hangs on them: the fallback, the
targets of the edges, the loop around. An instance *begins anew*, or *goes on* where it was (a loop in its iteration,
a batch with the items that are left, a node with its sub-run); what was inside of something that begins anew is
*removed*. `rewind.py` folds the result into the state; see docs/decisions/0022.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from flowcraft_engine.errors import ConflictError, NotFoundError
from flowcraft_engine.kernel import state as st
from flowcraft_engine.kernel.naming import END, InstanceName, instance_name, item_name
from flowcraft_engine.kernel.outcome import is_lost
from flowcraft_engine.kernel.plan import Plan
from flowcraft_engine.kernel.rewind import targets_of
from flowcraft_engine.kernel.state import Instance, RunState
from flowcraft_engine.values import JsonObject

RETRY = "retry"
RERUN = "rerun"
#: Rules by which a whole run was ended from outside.
_STOPPED = frozenset({"cancelled", "run_timeout"})


def refuse_unended(state: RunState) -> None:
    """Raises `ConflictError` for a run that still goes on: another generation begins when this one is over."""
    if not state.is_final:
        raise ConflictError(f"run {state.run_id} has not ended", hint="wait for its end, or cancel it first")


def plan_retry(plan: Plan, state: RunState, children: frozenset[str]) -> JsonObject:
    """What begins anew when everything that went wrong is tried again.

    `children` are instances that go on waiting for their sub-run. Raises `ConflictError` if nothing went wrong.
    """
    rewind = Rewind(plan, state, children, spares_any=True)
    for instance in state.instances.values():
        if is_lost(state, instance):
            rewind.repair(instance)
    if rewind.is_empty:
        raise ConflictError(
            f"run {state.run_id} has nothing to retry: it is {state.status}",
            hint=f"flowcraft rerun {state.run_id} --from NODE runs a part of it again",
        )
    return {"kind": RETRY, **rewind.result()}


def plan_rerun(plan: Plan, state: RunState, node: str, children: frozenset[str]) -> JsonObject:
    """What begins anew when `node` (a node id or an instance) and all that follows from it run again."""
    start = find_start(plan, state, node)
    rewind = Rewind(plan, state, children, spares_any=False)
    for instance in state.instances.values():
        if was_stopped(instance) and instance.index is None:
            rewind.repair(instance)
    if start.index is not None:
        rewind.go_on_with_items(state.instances[instance_name(start.node_id, start.path)], start.index)
    elif start.name in children:
        rewind.repair(start)
    else:
        rewind.begin_anew(start)
    return {"kind": RERUN, "from": start.name, **rewind.result()}


def find_start(plan: Plan, state: RunState, node: str) -> Instance:
    """The instance that a rerun begins with. Raises `NotFoundError` and `ConflictError`."""
    instance = state.instances.get(node)
    if instance is None:
        parsed = InstanceName.parse(node)
        if parsed is None or parsed.node_id not in plan.nodes or parsed.node_id == END:
            raise NotFoundError(f"run {state.run_id} has no node {node!r}")
        found = [it for it in state.instances.values() if it.node_id == node and it.index is None]
        if len(found) != 1:
            raise _which(state, node, found)
        instance = found[0]
    if instance.node_id == END:
        raise NotFoundError(f"run {state.run_id} has no node {node!r}")
    if not instance.has_started and not was_stopped(instance):
        raise ConflictError(
            f"{node!r} did not run, it is {instance.state}: there is nothing to run again",
            hint="name a node before it",
        )
    return instance


def _which(state: RunState, node: str, found: list[Instance]) -> ConflictError:
    if not found:
        return ConflictError(f"{node!r} did not run in {state.run_id}", hint="name a node before it")
    names = ", ".join(instance.name for instance in found[-3:])
    return ConflictError(
        f"{node!r} ran {len(found)} times in its loop", hint=f"name one of its instances, such as {names}"
    )


def lost_children(state: RunState, *, only_stopped: bool = False) -> Iterator[tuple[str, str]]:
    """Instances that are lost with their sub-run, and that sub-run: it may be retried inside."""
    for instance in state.instances.values():
        wait = instance.wait
        if wait is None or wait["kind"] != st.CHILD or instance.state not in (st.FAILED, st.CANCELLED):
            continue
        holder = instance
        if instance.index is not None:
            holder = state.instances[instance_name(instance.node_id, instance.path)]
        if not is_lost(state, holder):
            continue
        if only_stopped and not was_stopped(instance):
            continue
        failed_with_it = instance.resumption is not None and instance.resumption.get("status") != "completed"
        if failed_with_it or instance.state == st.CANCELLED:
            yield instance.name, str(wait["child"])


def was_stopped(instance: Instance) -> bool:
    """True if the run ended from outside while this was under way: it has told nobody of its end."""
    reason = instance.reason
    return instance.state == st.CANCELLED and isinstance(reason, dict) and reason.get("rule") in _STOPPED


class Rewind:
    """Collects what begins anew (`anew`), what goes on where it was (`on`), and what is removed."""

    def __init__(self, plan: Plan, state: RunState, children: frozenset[str], *, spares_any: bool) -> None:
        self._plan = plan
        self._state = state
        self._children = children
        self._spares_any = spares_any
        self._anew: dict[str, None] = {}
        self._on: dict[str, JsonObject] = {}
        #: Whole → indexes of the items that run again.
        self._again: dict[str, set[int]] = {}
        self._todo: list[Instance] = []

    @property
    def is_empty(self) -> bool:
        return not self._anew and not self._on

    def repair(self, instance: Instance) -> None:
        """It goes on where it was, if it had got anywhere; else it begins anew."""
        if self._plan.nodes[instance.node_id].loop is not None and instance.iteration:
            self.go_on_with_loop(instance, instance.iteration)
        elif instance.batch is not None:
            self.go_on_with_items(instance)
        elif instance.name in self._children:
            self._go_on(instance, {"kind": st.CHILD})
        else:
            self.begin_anew(instance)

    def begin_anew(self, instance: Instance) -> None:
        if instance.name not in self._anew:
            self._on.pop(instance.name, None)
            self._anew[instance.name] = None
            self._todo.append(instance)

    def go_on_with_items(self, whole: Instance, index: int | None = None) -> None:
        """Items that did not complete run again, and the one at `index`."""
        spec = self._plan.nodes[whole.node_id].for_each
        assert spec is not None and whole.batch is not None
        again = self._again.setdefault(whole.name, set())
        if index is not None:
            again.add(index)
        waiting = 0
        for number in range(len(whole.batch.items)):
            item = self._state.instances.get(item_name(whole.name, number))
            if item is None:
                break
            if item.state == st.COMPLETED and number not in again:
                continue
            if item.name in self._children and (spec.concurrency is None or waiting < spec.concurrency):
                waiting += 1
                again.discard(number)
                self._go_on(item, {"kind": st.CHILD})
            else:
                again.add(number)
        self._go_on(whole, {"kind": st.ITEMS, "items": [*sorted(again)]})

    def go_on_with_loop(self, controller: Instance, iteration: int) -> None:
        """The loop goes back to this iteration, or stays in it; what failed in it runs again."""
        known = self._on.get(controller.name)
        if controller.name in self._anew or (known is not None and _iteration(known) <= iteration):
            return
        self._go_on(controller, {"kind": st.BODY, "iteration": iteration})
        loop = self._plan.nodes[controller.node_id].loop
        assert loop is not None
        for node_id in loop.body:
            inner = self._state.instances.get(instance_name(node_id, (*controller.path, iteration)))
            if inner is not None and is_lost(self._state, inner) and inner.name not in self._on:
                self.repair(inner)

    def result(self) -> JsonObject:
        """The three parts, of all that was collected and of what hangs on it."""
        while self._todo:
            self._follow(self._todo.pop())
        removed = self._removed()
        return {
            "anew": [name for name in self._anew if name not in removed],
            "on": {name: how for name, how in self._on.items() if name not in removed},
            "removed": list(removed),
        }

    def _go_on(self, instance: Instance, how: JsonObject) -> None:
        if instance.name not in self._anew:
            self._on[instance.name] = how
            self._todo.append(instance)

    def _follow(self, instance: Instance) -> None:
        node, state = self._plan.nodes[instance.node_id], self._state
        if instance.index is not None:
            return  # its batch goes on, too, and is followed
        if node.fallback is not None:
            rescuer = state.instances.get(instance_name(node.fallback, instance.path))
            if rescuer is not None:
                self.begin_anew(rescuer)
        for target in targets_of(self._plan, state, instance):
            if target.hop != 0:
                continue
            follower = state.instances.get(instance_name(target.node_id, instance.path))
            if follower is not None and not self._is_spared(follower, target.source):
                self.begin_anew(follower)
        if instance.path and instance.node_id != END:
            controller = state.instances[instance_name(node.scopes[-1], instance.path[:-1])]
            self.go_on_with_loop(controller, instance.path[-1])

    def _is_spared(self, follower: Instance, source: str) -> bool:
        """An `any` join that another edge has started does not depend on this one."""
        return (
            self._spares_any
            and self._plan.nodes[follower.node_id].join == "any"
            and follower.winner is not None
            and follower.winner != source
        )

    def _removed(self) -> dict[str, None]:
        """`$end`, and whatever was inside of something that begins anew, or in a later iteration."""
        removed: dict[str, None] = {}
        for name, instance in self._state.instances.items():
            if instance.node_id == END or self._is_inside(instance, removed):
                removed[name] = None
        return removed

    def _is_inside(self, instance: Instance, removed: dict[str, None]) -> bool:
        if instance.index is not None:
            whole = instance_name(instance.node_id, instance.path)
            return whole in self._anew or whole in removed
        for depth, controller_id in enumerate(self._plan.nodes[instance.node_id].scopes):
            controller = instance_name(controller_id, instance.path[:depth])
            how = self._on.get(controller)
            if controller in self._anew or (how is not None and instance.path[depth] > _iteration(how)):
                return True
        return False


def _iteration(how: JsonObject) -> int:
    number: Any = how["iteration"]
    return int(number)
