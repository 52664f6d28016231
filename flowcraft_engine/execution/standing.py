"""How a run stands, its sub-runs included: whether anything in it moves, and its result so far."""

from __future__ import annotations

from dataclasses import replace

from flowcraft_engine.execution.waits import child_waits
from flowcraft_engine.history.run_result import RunResult, WaitingNode
from flowcraft_engine.history.run_view import derived_status, run_result
from flowcraft_engine.kernel import state as st
from flowcraft_engine.kernel.state import RunState
from flowcraft_engine.stores.coordination_store import CoordinationStore


async def result_of(store: CoordinationStore, run_id: str) -> RunResult:
    """The run as it stands now. Raises `NotFoundError`."""
    plan, state = await store.snapshot(run_id)
    result = run_result(plan, state, status=await _status(store, run_id, state))
    if any(wait.run_id is not None for wait in result.waiting):
        return replace(result, waiting=[await _with_question(store, wait) for wait in result.waiting])
    return result


async def _with_question(store: CoordinationStore, wait: WaitingNode) -> WaitingNode:
    """A wait for a sub-run says what somebody is asked there, if it is one thing."""
    if wait.run_id is None:
        return wait
    inner = await child_waits(store, wait.run_id)
    if len(inner) != 1:
        return replace(wait, asked=len(inner))
    return replace(wait, message=inner[0].message, actions=inner[0].actions)


async def status_of(store: CoordinationStore, run_id: str) -> str:
    """Its status, the derived ones (`waiting`, `interrupted`, `paused`) included. Raises `NotFoundError`."""
    _, state = await store.glance(run_id)
    return await _status(store, run_id, state)


async def is_quiet(store: CoordinationStore, run_id: str) -> bool:
    """True if the run has ended, or nothing in it moves before a person answers a wait, or unpauses it."""
    _, state = await store.glance(run_id)
    return state.is_final or not await _moves(store, state, timers=True)


async def is_left(store: CoordinationStore, run_id: str) -> bool:
    """True if the run is quiet, or no process executes it: nothing of it moves before somebody does something."""
    return await is_quiet(store, run_id) or await store.is_orphaned(run_id)


async def open_tree(store: CoordinationStore, run_id: str) -> list[str]:
    """The run and the sub-runs that it waits for now, at any depth."""
    found, todo = [], [run_id]
    while todo:
        current = todo.pop()
        if not await store.exists(current):
            continue
        found.append(current)
        _, state = await store.glance(current)
        waits = (instance.wait or {} for instance in state.waiting.values())
        todo.extend(str(wait["child"]) for wait in waits if wait.get("kind") == st.CHILD)
    return found


async def _status(store: CoordinationStore, run_id: str, state: RunState) -> str:
    if state.is_final:
        return state.status
    is_moving = await _moves(store, state, timers=False)
    return derived_status(state, is_moving=is_moving, is_orphaned=await store.is_orphaned(run_id))


async def _moves(store: CoordinationStore, state: RunState, *, timers: bool) -> bool:
    """True if something of an unfinished run is under way, at any depth; `timers` says whether they count."""
    if state.paused_at is not None:
        timers = False
        if any(instance.state == st.RUNNING for instance in state.instances.values()):
            return True
    elif state.moving:
        return True
    for instance in list(state.waiting.values()):
        wait = instance.wait or {}
        kind = wait.get("kind")
        if kind == st.TIMER and timers:
            return True
        if kind != st.CHILD:
            continue
        if not await store.exists(str(wait["child"])):
            if state.paused_at is None:
                return True
            continue
        _, child = await store.glance(str(wait["child"]))
        if child.is_final and state.paused_at is not None:
            continue
        # One that has ended has yet to bring its result.
        if child.is_final or await _moves(store, child, timers=timers):
            return True
    return False
