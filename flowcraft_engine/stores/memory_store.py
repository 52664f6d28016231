"""Runs that live as long as their process."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from flowcraft_engine.clock import Clock, SystemClock
from flowcraft_engine.errors import ConflictError, NotFoundError
from flowcraft_engine.kernel.event import RUN_FINISHED, Event, Fact
from flowcraft_engine.kernel.plan import Plan
from flowcraft_engine.stores.coordination_store import RunSummary
from flowcraft_engine.stores.journal_store import JournalStore, OpenRun
from flowcraft_engine.stores.log_store import LogPart
from flowcraft_engine.values import JsonObject


class MemoryStore(JournalStore):
    """The journal is a list; nothing survives the process, nothing is shared with others.

    Of the runs that have ended, the last `keep_finished` are kept, so that a service can go on for ever.
    """

    def __init__(self, clock: Clock | None = None, *, keep_finished: int = 10_000) -> None:
        super().__init__(clock or SystemClock())
        self._keep_finished = keep_finished
        self._finished: deque[str] = deque()
        #: The fields of events, one after the other: a tuple for each would be three more objects a node for the
        #: garbage collector to look after.
        self._journals: dict[str, list[Any]] = {}
        self._options: dict[str, JsonObject] = {}
        self._children: dict[str, list[str]] = {}
        self._logs: dict[str, list[LogPart]] = {}

    def _append(self, run: OpenRun, position: int, events: list[Fact]) -> None:
        journal = self._journals.get(run.state.run_id)
        if journal is None:
            journal = self._journals[run.state.run_id] = []
            if run.state.parent is not None:
                self._children.setdefault(run.state.parent[0], []).append(run.state.run_id)
        for event in events:
            journal += event
        if events[-1][0] == RUN_FINISHED and run.state.parent is None:
            self._finished.append(run.state.run_id)
            if len(self._finished) > self._keep_finished:
                self._forget_tree(self._finished.popleft())

    def _reopen(self, run_id: str) -> None:
        if run_id in self._finished:
            self._finished.remove(run_id)

    def _forget_tree(self, run_id: str) -> None:
        """Drop a run and its sub-runs."""
        for name in self._tree(run_id):
            self._runs.pop(name, None)
            self._journals.pop(name, None)
            self._options.pop(name, None)
            self._children.pop(name, None)
            self._logs.pop(name, None)

    def _tree(self, run_id: str) -> list[str]:
        children = self._children.get(run_id, ())
        return [run_id, *(inner for child in children for inner in self._tree(child))]

    def _read(self, run_id: str) -> tuple[str, list[Event]] | None:
        journal = self._journals.get(run_id)
        if not journal:
            return None
        events = _events(journal, 0)
        return events[0].data["digest"], events

    def _read_plan(self, digest: str) -> Plan:
        raise NotFoundError(f"there is no blueprint with digest {digest[:12]}")

    async def events(self, run_id: str, after: int = 0) -> list[Event]:
        self._open(run_id)
        return _events(self._journals[run_id], after)

    async def tree(self, run_id: str) -> list[str]:
        self._open(run_id)
        return self._tree(run_id)

    async def retire(self, run_id: str) -> None:
        run = self._open(run_id)
        if not run.state.is_final:
            raise ConflictError(f"run {run_id} has not ended")
        # Its id may be used again, by a run that has not ended when this one's turn to be forgotten would come.
        self._reopen(run_id)
        self._forget_tree(run_id)

    async def list_runs(self, *, limit: int = 50, status: str | None = None) -> list[RunSummary]:
        found: list[RunSummary] = []
        for run_id in reversed(list(self._journals)):
            run = self._open(run_id)
            if status is None or run.state.status == status:
                found.append(summary_of(run))
            if len(found) == limit:
                break
        return found

    async def write_logs(self, parts: Sequence[LogPart], *, behind: int | None = None) -> None:
        if behind is not None and parts and behind != await self.last_log(parts[0].run_id):
            return
        for part in parts:
            if part.run_id in self._journals:
                kept = self._logs.setdefault(part.run_id, [])
                kept.append(replace(part, number=len(kept) + 1))

    async def read_logs(self, run_id: str, after: int = 0, *, limit: int | None = None) -> list[LogPart]:
        self._open(run_id)
        return self._logs.get(run_id, [])[after : None if limit is None else after + limit]

    async def last_log(self, run_id: str) -> int:
        return len(self._logs.get(run_id, []))

    async def remember(self, run_id: str, options: JsonObject) -> None:
        self._options[run_id] = options

    async def recall(self, run_id: str) -> JsonObject:
        return self._options.get(run_id, {})

    async def owner_is_dead(self, owner: str) -> bool:
        # Whoever claimed here was this process, and it lives.
        return False


def _events(journal: list[Any], after: int) -> list[Event]:
    size = len(Event._fields)
    return [Event._make(journal[at : at + size]) for at in range(after * size, len(journal), size)]


def summary_of(run: OpenRun) -> RunSummary:
    state = run.state
    return RunSummary(
        state.run_id,
        state.blueprint_id,
        state.version,
        state.status,
        state.created_at,
        state.finished_at,
        state.parent[0] if state.parent else None,
    )
