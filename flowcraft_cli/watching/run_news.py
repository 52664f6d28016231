"""Brings the events of a run and its sub-runs, and the output of their nodes, to a watcher from any process."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from flowcraft_cli.watching.output_news import OutputNews
from flowcraft_cli.watching.watcher import SilentWatcher, Watcher
from flowcraft_engine.errors import NotFoundError
from flowcraft_engine.kernel import event as ev
from flowcraft_engine.kernel.event import Event
from flowcraft_engine.stores.coordination_store import CoordinationStore


class RunNews:
    """Reads on where it stopped; finds the sub-runs by the events that began them, so that none is too quick."""

    def __init__(
        self, store: CoordinationStore, watcher: Watcher, run_id: str, *, level: int = logging.INFO
    ) -> None:
        """`level`: from which on log lines of nodes are shown."""
        self._store = store
        self._watcher = watcher
        self._run_id = run_id
        #: How many events of each run were shown.
        self._seen: dict[str, int] = {run_id: 0}
        self._ended: set[str] = set()
        #: The last sub-run of each instance of each run that has begun one.
        self._children: dict[tuple[str, str], str] = {}
        self._is_silent = isinstance(watcher, SilentWatcher)
        self._output = OutputNews(store, watcher, level)

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
        if self._is_silent:
            return False
        has_events = await self._look(is_old=False)
        has_output = await self._output.look(self.open_runs)
        return has_events or has_output

    async def settle(self) -> None:
        """The run is quiet: show what is left, and what nodes have said at the very end."""
        await self.look()
        await self._output.settle(self.open_runs)

    async def _look(self, *, is_old: bool) -> bool:
        # The run itself is looked at after its end, too: it may begin another generation.
        todo = [it for it in self._seen if it == self._run_id or it not in self._ended]
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
                await self._output.skip(run_id)
            else:
                self._watcher.on_events(run_id, events)
                self._output.note(run_id, events)
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
        """The sub-runs that these events began, or go on with."""
        todo: list[str] = []
        for event in events:
            if event.type == ev.RUN_FINISHED:
                self._ended.add(run_id)
            elif event.type == ev.GENERATION_BEGAN:
                self._ended.discard(run_id)
                todo += [
                    self._children[it]
                    for it in ((run_id, on) for on in event.data["on"])
                    if it in self._children
                ]
            elif event.type == ev.NODE_WAITING and isinstance(event.data, dict) and event.data.get("child"):
                child = str(event.data["child"])
                self._children[run_id, event.instance] = child
                if child not in self._seen:
                    self._seen[child] = 0
                    todo.append(child)
        self._ended.difference_update(todo)
        return todo
