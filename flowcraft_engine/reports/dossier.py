"""The dossier of a run: all that is known of it and its sub-runs at one moment, read from any store."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field

from flowcraft_engine.execution.standing import result_of
from flowcraft_engine.history.run_result import RunResult
from flowcraft_engine.kernel import state as st
from flowcraft_engine.kernel.event import Event
from flowcraft_engine.kernel.naming import END
from flowcraft_engine.kernel.plan import Plan
from flowcraft_engine.kernel.state import Instance, RunState
from flowcraft_engine.reports.node_logs import texts_of
from flowcraft_engine.reports.timeline import Timeline, timeline_of
from flowcraft_engine.stores.coordination_store import CoordinationStore
from flowcraft_engine.stores.log_store import LogStore

#: A report tells of so many sub-runs; of a batch of ten thousand nobody reads more.
MOST_SUB_RUNS = 200


@dataclass(slots=True)
class Dossier:
    """A run at the moment `now`. `state` belongs to the store: use the dossier before the run goes on."""

    plan: Plan
    state: RunState
    events: list[Event]
    result: RunResult
    timeline: Timeline
    now: float
    #: Instance → the sub-run that it started last.
    children: dict[str, Dossier] = field(default_factory=dict)
    #: Instance → what it printed and logged, where that was kept and asked for.
    logs: dict[str, str] = field(default_factory=dict)

    @property
    def run_id(self) -> str:
        return self.state.run_id

    @property
    def seconds(self) -> float:
        """How long the run took; so far, if it goes on."""
        ended = self.result.finished_at if self.result.finished_at is not None else self.now
        return ended - self.result.created_at

    def instance(self, name: str) -> Instance:
        """The instance of that name; a pending one where nothing has reached it."""
        return self.state.instances.get(name) or Instance(name, name, ())

    def rows(self) -> Timeline:
        """The timeline as people see it: without the instance that evaluates the outputs, unless that failed."""
        nodes = self.result.nodes
        return {name: spans for name, spans in self.timeline.items() if name != END or END in nodes}

    def tree(self) -> Iterator[Dossier]:
        """This run and all below it, parents first."""
        yield self
        for child in self.children.values():
            yield from child.tree()


#: How the runs of a store stand, for whoever knows more than the store, such as which workers live.
Show = Callable[[str], Awaitable[RunResult]]


async def read_dossier(
    store: CoordinationStore,
    run_id: str,
    now: float,
    *,
    show: Show | None = None,
    with_logs: bool = False,
) -> Dossier:
    """The run and its sub-runs as they stand. Raises `NotFoundError`."""
    logs = store if with_logs and isinstance(store, LogStore) else None
    return await _Reader(store, now, show, logs).read(run_id)


class _Reader:
    def __init__(
        self, store: CoordinationStore, now: float, show: Show | None, logs: LogStore | None
    ) -> None:
        self._store = store
        self._now = now
        self._show = show
        self._logs = logs
        self._left = MOST_SUB_RUNS

    async def read(self, run_id: str) -> Dossier:
        store = self._store
        events = await store.events(run_id)
        result = await (result_of(store, run_id) if self._show is None else self._show(run_id))
        plan, state = await store.snapshot(run_id)
        dossier = Dossier(plan, state, events, result, timeline_of(events), self._now)
        if self._logs is not None:
            dossier.logs = texts_of(await self._logs.read_logs(run_id))
        for name, instance in list(state.instances.items()):
            wait = instance.wait
            if wait is None or wait.get("kind") != st.CHILD or not self._left:
                continue
            child = str(wait["child"])
            if await store.exists(child):
                self._left -= 1
                dossier.children[name] = await self.read(child)
        return dossier
