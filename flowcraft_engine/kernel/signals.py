"""Whom an answer is for: an instance that waits now, one that will, or nobody."""

from __future__ import annotations

from collections.abc import Iterable

from flowcraft_engine.errors import ConflictError, NotFoundError
from flowcraft_engine.kernel import state as st
from flowcraft_engine.kernel.naming import END
from flowcraft_engine.kernel.plan import Plan
from flowcraft_engine.kernel.state import Instance, RunState
from flowcraft_engine.values import JsonObject, same_json


def find_addressee(
    plan: Plan, state: RunState, node: str | None, answer: JsonObject
) -> Instance | str | None:
    """The waiting instance that the answer is for; or the node id to keep it for, because it comes early.

    None if the very same answer was given before. `node` is a node id or an instance name, and may be left out
    when only one instance waits. Raises `NotFoundError` and `ConflictError`.
    """
    waiting = [instance for instance in state.waiting.values() if _waits_for_answer(instance)]
    if node is None:
        if len(waiting) == 1:
            return waiting[0]
        if not waiting and _was_told(state.instances.values(), answer):
            return None
        hint = None if waiting or state.is_final else f"flowcraft show {state.run_id} tells how it stands"
        raise ConflictError(_which_wait(state, waiting), hint=hint)
    named = [instance for instance in waiting if node in (instance.name, instance.node_id)]
    if len(named) > 1:
        raise ConflictError(f"{len(named)} instances of {node!r} wait, name one: {_names(named)}")
    return named[0] if named else _not_waiting(plan, state, node, answer)


def _not_waiting(plan: Plan, state: RunState, node: str, answer: JsonObject) -> str | None:
    """An answer to a node that does not wait now: too early, told before, or wrong."""
    told = [i for i in state.instances.values() if node in (i.name, i.node_id) and i.answer is not None]
    if told:
        if _was_told(told, answer):
            return None
        raise ConflictError(f"{node!r} has already been answered differently")
    node_id = node.partition("#")[0].partition("[")[0]
    if node_id not in plan.nodes or node_id == END:
        raise NotFoundError(f"run {state.run_id} has no node {node!r}")
    if state.is_final:
        raise ConflictError(f"run {state.run_id} has already ended: {state.status}")
    if plan.nodes[node_id].uses != "wait":
        raise ConflictError(f"{node!r} does not wait for an answer")
    if node != node_id:
        raise ConflictError(
            f"{node!r} does not wait (yet); an early answer is for a node, not for one iteration or item of it"
        )
    kept = state.early.get(node_id)
    if kept is not None:
        if same_json(kept, answer):
            return None
        raise ConflictError(f"another early answer for {node!r} is already kept")
    instance = state.instances.get(node)
    if instance is not None and instance.is_terminal:
        raise ConflictError(f"{node!r} has already ended: {instance.state}")
    return node_id


def _was_told(instances: Iterable[Instance], answer: JsonObject) -> bool:
    """Whether one of them has this answer: who repeats it may not have heard that it came, and others did since."""
    return any(it.answer is not None and same_json(it.answer, answer) for it in instances)


def refuse_late_answer(state: RunState, instance: Instance, now: float) -> None:
    """Raises `ConflictError` if the time of the wait was over before `now`; the time of a paused run stands still."""
    if state.paused_at is None and instance.due is not None and instance.due <= now:
        raise ConflictError(
            f"the time for an answer to {instance.name!r} is over",
            hint=f"flowcraft reconcile {state.run_id} goes on with what follows from that",
        )


def _waits_for_answer(instance: Instance) -> bool:
    return instance.wait is not None and instance.wait["kind"] == st.ANSWER


def _names(instances: list[Instance]) -> str:
    return ", ".join(sorted(instance.name for instance in instances))


def _which_wait(state: RunState, waiting: list[Instance]) -> str:
    if waiting:
        return f"{len(waiting)} nodes wait for an answer, name one of them: {_names(waiting)}"
    if state.is_final:
        return f"run {state.run_id} has already ended: {state.status}"
    return f"no node of run {state.run_id} waits for an answer"
