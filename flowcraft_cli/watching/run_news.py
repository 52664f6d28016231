"""Brings the events of a run and its sub-runs to a watcher, whichever process they come from."""

from __future__ import annotations

from collections.abc import Sequence

from flowcraft_cli.watching.watcher import SilentWatcher, Watcher
from flowcraft_engine.errors import NotFoundError
from flowcraft_engine.kernel import event as ev
from flowcraft_engine.kernel.event import Event
from flowcraft_engine.stores.coordination_store import CoordinationStore


class RunNews:
    """Reads on where it stopped; finds the sub-runs by the events that began them, so that none is too quick."""

    def __init__(self, store: CoordinationStore, watcher: Watcher, run_id: str) -> None:
        self._store = store
        self._watcher = watcher
        self._run_id = run_id
        #: How many events of each run were shown.
        self._seen: dict[str, int] = {run_id: 0}
        self._ended: set[str] = set()
        self._is_silent = isinstance(watcher, SilentWatcher)

    @property
    def open_runs(self) -> list[str]:
        """The run, and its sub-runs that have begun and not ended."""
        found = [run_id for run_id, seen in self._seen.items() if seen and run_id not in self._ended]
        return found or [self._run_id]

    async def catch_up(self) -> None:
        """Take in what happened so far without showing it event by event."""
        if not self._is_silent:
            await self._look(is_old=True)

    async def look(self) -> bool:
        """Show what is new. True if there was anything."""
        await self._store.refresh()
        return not self._is_silent and await self._look(is_old=False)

    async def _look(self, *, is_old: bool) -> bool:
        todo = [run_id for run_id in self._seen if run_id not in self._ended]
        found = False
        while todo:
            run_id = todo.pop(0)
            events = await self._new_events(run_id)
            if not events:
                continue
            found = True
            self._seen[run_id] += len(events)
            if is_old:
                self._watcher.progress.catch_up(run_id, events)
            else:
                self._watcher.on_events(run_id, events)
            todo += self._note(run_id, events)
        return found

    async def _new_events(self, run_id: str) -> list[Event]:
        try:
            return await self._store.events(run_id, self._seen[run_id])
        except NotFoundError:
            if run_id == self._run_id:
                raise
            return []  # a sub-run that is about to begin

    def _note(self, run_id: str, events: Sequence[Event]) -> list[str]:
        """The sub-runs that these events began."""
        if any(event.type == ev.RUN_FINISHED for event in events):
            self._ended.add(run_id)
        children = [
            str(event.data["child"])
            for event in events
            if event.type == ev.NODE_WAITING and isinstance(event.data, dict) and event.data.get("child")
        ]
        new = [child for child in children if child not in self._seen]
        self._seen.update(dict.fromkeys(new, 0))
        return new
