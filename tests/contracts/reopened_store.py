"""A state file that is closed and opened again before every verb: nothing may live in memory only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flowcraft_engine.backends.sqlite import SqliteStore
from flowcraft_engine.stores.coordination_store import Listener
from tests.contracts.same_state import assert_same_state


class ReopenedStore:
    """Stands in for a store. At every reopening the states of all runs must be what they were."""

    is_shared = True

    def __init__(self, open_store: Callable[[], SqliteStore]) -> None:
        self._open = open_store
        self._store = open_store()
        self._listeners: list[Listener] = []
        self._seen: set[str] = set()

    def subscribe(self, listener: Listener) -> None:
        self._listeners.append(listener)
        self._store.subscribe(listener)

    async def close(self) -> None:
        await self._store.close()

    def __getattr__(self, verb: str) -> Any:
        async def call(*args: Any, **kwargs: Any) -> Any:
            await self._reopen()
            return await getattr(self._store, verb)(*args, **kwargs)

        return call

    async def _reopen(self) -> None:
        summaries = await self._store.list_runs(limit=1000)
        before = {it.run_id: (await self._store.snapshot(it.run_id))[1] for it in summaries}
        await self._store.close()
        self._store = self._open()
        for listener in self._listeners:
            self._store.subscribe(listener)
        for run_id, state in before.items():
            assert_same_state(state, (await self._store.snapshot(run_id))[1])
