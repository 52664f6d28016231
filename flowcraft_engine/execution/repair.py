"""Retry, rerun and pause of a run with all its sub-runs: which runs are told, and in which order.

Every step is one verb of the store. Sub-runs are told first: if this process dies in between, their run can still
be retried, and takes their results as they are by then. Each is told for which generation of the run above it goes
on, so that nobody ends it meanwhile because that run does not wait for it yet.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Any, TypeAlias

from flowcraft_engine.errors import ConflictError
from flowcraft_engine.frozen import frozen
from flowcraft_engine.kernel.generations import (
    find_start,
    lost_children,
    plan_rerun,
    plan_retry,
    refuse_unended,
)
from flowcraft_engine.kernel.naming import item_name
from flowcraft_engine.kernel.plan import Plan
from flowcraft_engine.kernel.state import RunState
from flowcraft_engine.stores.coordination_store import CoordinationStore
from flowcraft_engine.values import JsonObject

#: What a generation would begin with, given the instances that wait for their sub-run again.
_Decide: TypeAlias = Callable[[Plan, RunState, frozenset[str]], JsonObject]


@frozen
class Again:
    """What a retry or a rerun does in one run: instances that begin anew, and those that go on where they were."""

    run_id: str
    anew: tuple[str, ...]
    goes_on: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return {"run_id": self.run_id, "anew": list(self.anew), "goes_on": list(self.goes_on)}


@frozen
class _Step:
    """One run of the tree that begins another generation."""

    again: Again
    #: None for a retry.
    node: str | None
    children: frozenset[str]


async def preview_retry(store: CoordinationStore, run_id: str) -> list[Again]:
    """What `retry` would do, the innermost sub-runs first. Raises what `retry` raises."""
    return [step.again for step in await _retry_steps(store, run_id)]


async def retry(store: CoordinationStore, run_id: str) -> list[Again]:
    """Try everything again that went wrong in a run and its sub-runs.

    Raises `ConflictError` if the run has not ended, nothing went wrong, or it is a sub-run.
    """
    return await _take(store, await _retry_steps(store, run_id))


async def preview_rerun(store: CoordinationStore, run_id: str, node: str) -> list[Again]:
    """What `rerun` would do. Raises what `rerun` raises."""
    return [step.again for step in await _rerun_steps(store, run_id, node)]


async def rerun(store: CoordinationStore, run_id: str, node: str) -> list[Again]:
    """Run `node` again, and all that follows from it; in a sub-run, in the runs above it, too.

    Raises `ConflictError` if the run has not ended or the node did not run, `NotFoundError` if there is none.
    """
    return await _take(store, await _rerun_steps(store, run_id, node))


async def pause(store: CoordinationStore, run_id: str) -> bool:
    """Let nothing more begin in a run and its sub-runs. False if it was paused. Raises `ConflictError`."""
    changed = await store.pause(run_id)
    for name in (await store.tree(run_id))[1:]:
        if not (await store.glance(name))[1].is_final:
            with suppress(ConflictError):  # it has ended since
                changed = await store.pause(name) or changed
    return changed


async def unpause(store: CoordinationStore, run_id: str) -> bool:
    """Let a run and its sub-runs go on. False if nothing of it was paused."""
    changed = False
    seen: set[str] = set()
    # Once more for those that began since: whoever starts a sub-run below a paused one pauses it.
    while new := [name for name in await store.tree(run_id) if name not in seen]:
        for name in new:
            changed = await store.unpause(name) is not None or changed
        seen.update(new)
    return changed


async def _take(store: CoordinationStore, steps: list[_Step]) -> list[Again]:
    for step in steps:
        ahead_of = await _generation_to_come(store, step.again.run_id)
        if step.node is None:
            await store.retry(step.again.run_id, step.children, ahead_of=ahead_of)
        else:
            await store.rerun(step.again.run_id, step.node, step.children, ahead_of=ahead_of)
    return [step.again for step in steps]


async def _generation_to_come(store: CoordinationStore, run_id: str) -> int:
    """That of the run above this one, which has ended and will begin it in a moment; 0 if there is none."""
    _, state = await store.glance(run_id)
    if state.parent is None:
        return 0
    _, above = await store.glance(state.parent[0])
    return above.generation + 1 if above.is_final else 0


async def _retry_steps(store: CoordinationStore, run_id: str) -> list[_Step]:
    _, state = await store.glance(run_id)
    if state.parent is not None:
        raise ConflictError(
            f"{run_id} is a sub-run, which is retried with its run",
            hint=f"flowcraft retry {run_id.partition(':')[0]}",
        )
    return await _retry_inside(store, run_id)


async def _retry_inside(store: CoordinationStore, run_id: str) -> list[_Step]:
    return await _steps(store, run_id, plan_retry, None, only_stopped=False)


async def _rerun_steps(store: CoordinationStore, run_id: str, node: str) -> list[_Step]:
    above = await _runs_above(store, run_id)
    plan, state = await store.snapshot(run_id)
    refuse_unended(state)
    start = find_start(plan, state, node).name
    steps = await _rerun_one(store, run_id, start, waits=False)
    for parent, instance in above:
        steps += await _rerun_one(store, parent, instance, waits=True)
    return steps


async def _rerun_one(store: CoordinationStore, run_id: str, start: str, *, waits: bool) -> list[_Step]:
    """`waits`: the instance waits again for its sub-run, in which something runs again."""

    def decide(plan: Plan, state: RunState, children: frozenset[str]) -> JsonObject:
        return plan_rerun(plan, state, start, children | {start} if waits else children - {start})

    steps = await _steps(store, run_id, decide, start, only_stopped=True)
    if not waits:
        return steps
    last = steps[-1]
    return [*steps[:-1], _Step(last.again, last.node, last.children | {start})]


async def _runs_above(store: CoordinationStore, run_id: str) -> list[tuple[str, str]]:
    """The runs above a sub-run, from the inside out, with the instance that has its result."""
    found: list[tuple[str, str]] = []
    _, state = await store.glance(run_id)
    while state.parent is not None:
        parent, instance = state.parent
        child, (_, state) = state.run_id, await store.glance(parent)
        refuse_unended(state)
        holder = state.instances.get(instance)
        if holder is None or holder.wait is None or holder.wait.get("child") != child:
            raise ConflictError(f"run {parent} has not used the result of {child}: {instance} has begun anew")
        found.append((parent, instance))
    return found


async def _steps(
    store: CoordinationStore, run_id: str, decide: _Decide, node: str | None, *, only_stopped: bool
) -> list[_Step]:
    """The steps for one run, and before it those for the sub-runs that it waits for again."""
    plan, state = await store.snapshot(run_id)
    refuse_unended(state)
    candidates = {
        name: child
        for name, child in lost_children(state, only_stopped=only_stopped)
        if await store.exists(child)
    }
    decided = decide(plan, state, frozenset(candidates))
    on: dict[str, Any] = decided["on"]  # type: ignore[assignment]  # an object
    anew: Collection[str] = decided["anew"]  # type: ignore[assignment]  # a list of names
    children = {name: child for name, child in candidates.items() if name in on}
    steps: list[_Step] = []
    for child in children.values():
        _, child_state = await store.glance(child)
        # One that has completed meanwhile, or was never stopped, needs nothing.
        if child_state.is_final and child_state.status != "completed":
            steps += await _retry_inside(store, child)
    again = Again(run_id, (*anew, *_items(on)), tuple(on))
    return [*steps, _Step(again, node, frozenset(children))]


def _items(on: dict[str, Any]) -> list[str]:
    """The items that begin anew in batches that go on."""
    return [item_name(whole, index) for whole, how in on.items() for index in how.get("items", ())]
