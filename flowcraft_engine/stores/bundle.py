"""A run with all that belongs to it, apart from any store: its sub-runs, blueprints, logs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from flowcraft_engine.blueprint.snapshot import from_snapshot, snapshot_of
from flowcraft_engine.errors import ConflictError
from flowcraft_engine.kernel import state as st
from flowcraft_engine.kernel.compile import compile_plan
from flowcraft_engine.kernel.event import Event
from flowcraft_engine.kernel.plan import Plan
from flowcraft_engine.kernel.state import Instance, RunState
from flowcraft_engine.stores.coordination_store import CoordinationStore
from flowcraft_engine.stores.log_store import LogPart, LogStore
from flowcraft_engine.values import JsonObject

#: What is remembered of how a run was started, and means something on another machine, too.
_PORTABLE = ("app", "http_allow")


@dataclass(slots=True)
class BundledRun:
    run_id: str
    digest: str
    events: list[Event]
    logs: list[LogPart] = field(default_factory=list)


@dataclass(slots=True)
class Bundle:
    """The first of `runs` is the run itself; a run stands behind the one that it is a sub-run of."""

    runs: list[BundledRun] = field(default_factory=list)
    #: Snapshots by digest, those of sub-runs that have not begun included.
    blueprints: dict[str, dict[str, Any]] = field(default_factory=dict)
    options: JsonObject = field(default_factory=dict)

    @property
    def run_id(self) -> str:
        return self.runs[0].run_id


async def collect(store: CoordinationStore, run_id: str, *, logs: bool = True) -> Bundle:
    """Everything of a run. Raises `ConflictError` while a living process executes it, or for a sub-run."""
    bundle = Bundle()
    for name in await store.tree(run_id):
        plan, state = await store.snapshot(name)
        if state.parent is not None and not bundle.runs:
            raise ConflictError(
                f"{run_id} is a sub-run, which is kept with its run",
                hint=f"export {run_id.partition(':')[0]} instead",
            )
        await _refuse_executed(store, state)
        kept = await store.read_logs(name) if logs and isinstance(store, LogStore) else []
        bundle.runs.append(BundledRun(name, plan.digest, await store.events(name), kept))
        for digest in {plan.digest, *state.pins.values()}:
            if digest not in bundle.blueprints:
                snapshot = snapshot_of((await store.plan(digest)).blueprint)
                # Folders of this machine are nobody's business elsewhere.
                bundle.blueprints[digest] = {**snapshot, "folder": None}
    remembered = await store.recall(run_id)
    bundle.options = {key: remembered[key] for key in _PORTABLE if key in remembered}
    return bundle


async def _refuse_executed(store: CoordinationStore, state: RunState) -> None:
    """A copy of a run that a living process goes on with would be another run under the same id."""
    hint = f"wait until it has ended or waits for somebody, or first: flowcraft pause {state.run_id.partition(':')[0]}"
    for instance in state.instances.values():
        if instance.state == st.RUNNING and not await store.owner_is_dead(instance.owner or ""):
            raise ConflictError(f"run {state.run_id} is being executed: {instance.name} runs", hint=hint)
    if state.is_final or state.paused_at is not None:
        return
    # What waits for somebody may be exported: that it will not wait for ever makes it no run under way.
    asleep = [it for it in state.waiting.values() if it.due is not None and not _waits_for_somebody(it)]
    goes_on = state.moving or bool(asleep)
    if goes_on and not await store.is_orphaned(state.run_id.partition(":")[0]):
        raise ConflictError(f"run {state.run_id} is being executed", hint=hint)


def _waits_for_somebody(instance: Instance) -> bool:
    return (instance.wait or {}).get("kind") == st.ANSWER


async def restore(store: CoordinationStore, bundle: Bundle) -> int:
    """Put a run into a store; the number of events that were new there, 0 if all of it was known.

    A run that is there already is brought up to date. Raises `ConflictError` if it went on differently there.
    """
    plans = plans_of(bundle)
    for plan in plans.values():
        await store.pin(plan)
    new = 0
    for run in bundle.runs:
        added = await store.restore(plans[run.digest], run.run_id, run.events)
        if isinstance(store, LogStore):
            known = await store.last_log(run.run_id)
            await store.write_logs(run.logs[known:], behind=known)
        new += added
    if not await store.recall(bundle.run_id) and bundle.options:
        await store.remember(bundle.run_id, bundle.options)
    await store.flush()
    return new


def plans_of(bundle: Bundle) -> dict[str, Plan]:
    return {
        digest: compile_plan(from_snapshot(snapshot), digest)
        for digest, snapshot in bundle.blueprints.items()
    }
