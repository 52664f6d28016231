"""What must be done for a run beside executing its nodes. Each errand may be done twice, late, or by anybody."""

from __future__ import annotations

import contextlib

from flowcraft_engine.errors import ConflictError, NotFoundError
from flowcraft_engine.execution.executor import Publish
from flowcraft_engine.execution.sub_runs import deliver_result, end_unwanted, start_child
from flowcraft_engine.kernel.commands import Effects
from flowcraft_engine.stores.coordination_store import CoordinationStore
from flowcraft_engine.stores.fleet import ErrandKind


class Errands:
    """Does errands over a store; what follows from each is published."""

    def __init__(self, store: CoordinationStore, publish: Publish) -> None:
        self._store = store
        self._publish = publish

    async def do(self, kind: ErrandKind, run_id: str, instances: list[str]) -> None:
        """Does nothing where there is nothing to do (any more)."""
        if kind == "start":
            for instance in instances:
                await self._start(run_id, instance)
            return
        with contextlib.suppress(NotFoundError, ConflictError):
            if kind == "wake":
                self._publish(run_id, await self._store.wake(run_id, instances))
            elif kind == "deliver":
                await self._deliver(run_id)
            else:
                self._publish(run_id, await end_unwanted(self._store, run_id) or Effects())

    async def _start(self, run_id: str, instance: str) -> None:
        """One by one: a sub-run that nobody wants any more keeps no other from its start."""
        with contextlib.suppress(NotFoundError, ConflictError):
            target, effects = await start_child(self._store, run_id, instance)
            self._publish(target, effects)

    async def _deliver(self, child: str) -> None:
        _, state = await self._store.glance(child)
        if state.is_final and state.parent is not None:
            self._publish(state.parent[0], await deliver_result(self._store, child))
