"""Where the runs of a command are: in a state file, or in Redis, where a fleet executes them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Protocol

from flowcraft_engine.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flowcraft_engine.blueprint import Blueprint
    from flowcraft_engine.distributed.client import FleetClient
    from flowcraft_engine.execution.evidence import Evidence
    from flowcraft_engine.history.run_result import RunResult
    from flowcraft_engine.settings import Settings
    from flowcraft_engine.stores.coordination_store import CoordinationStore


class Runs(Protocol):
    """What commands do with a run: what the in-process runtime and the client of a fleet share."""

    async def answer(
        self, run_id: str, node: str | None = None, *, action: str | None = None, output: Any = None
    ) -> bool: ...

    async def cancel(self, run_id: str, reason: str | None = None) -> RunResult: ...

    async def evidence(self, run_id: str) -> list[Evidence]: ...


@frozen
class RunPlace:
    """The store of runs; `fleet` if workers execute them, None for a state file."""

    settings: Settings
    store: CoordinationStore
    fleet: FleetClient | None = None

    @property
    def runs(self) -> Runs:
        if self.fleet is not None:
            return self.fleet
        from flowcraft_engine.assembly.runtime import make_runtime
        from flowcraft_engine.nodes.registry import NodeRegistry

        return make_runtime(self.settings, NodeRegistry(), self.store)

    async def show(self, run_id: str) -> RunResult:
        """The run as it stands."""
        if self.fleet is not None:
            return await self.fleet.show(run_id)
        from flowcraft_engine.execution.standing import result_of

        return await result_of(self.store, run_id)

    async def status(self, run_id: str) -> str:
        """The status of a run, the derived ones included."""
        if self.fleet is not None:
            return await self.fleet.status(run_id)
        from flowcraft_engine.execution.standing import status_of

        return await status_of(self.store, run_id)

    @property
    def where(self) -> str | None:
        """What a later command needs to find a run: options, or None if it is kept in memory only."""
        from flowcraft_cli.whereabouts import where_in_redis, where_kept

        return where_kept(self.settings) if self.fleet is None else where_in_redis(self.settings)


@asynccontextmanager
async def open_fleet(
    settings: Settings, *, blueprints: Iterable[Blueprint] = (), only_looks: bool = False
) -> AsyncIterator[RunPlace]:
    """The runs in Redis. `blueprints` are those that sub-runs may use; who `only_looks` does not wait for a server."""
    from flowcraft_engine.assembly.fleet import make_fleet

    async with make_fleet(settings, blueprints=blueprints, only_looks=only_looks) as fleet:
        yield RunPlace(settings, fleet.client.store, fleet.client)


@asynccontextmanager
async def open_place(settings: Settings, *, only_looks: bool = False) -> AsyncIterator[RunPlace | None]:
    """The runs that `settings` name; None if nothing was ever kept there.

    Who `only_looks` waits for no server, and can read a state file that nobody may write.
    """
    from flowcraft_engine.assembly.backend import is_distributed

    if is_distributed(settings):
        async with open_fleet(settings, only_looks=only_looks) as place:
            yield place
        return
    async with _open_file(settings, only_looks=only_looks) as store:
        yield None if store is None else RunPlace(settings, store)


@asynccontextmanager
async def open_store(settings: Settings) -> AsyncIterator[CoordinationStore | None]:
    """The store that `settings` name, for a look at what is stored; None if nothing was ever kept there.

    Of a fleet, without the rest of a client, which takes longer to load than the look.
    """
    from flowcraft_engine.assembly.backend import is_distributed
    from flowcraft_engine.assembly.fleet import looking_store

    opened = looking_store(settings) if is_distributed(settings) else _open_file(settings, only_looks=True)
    async with opened as store:
        yield store


@asynccontextmanager
async def _open_file(settings: Settings, *, only_looks: bool) -> AsyncIterator[CoordinationStore | None]:
    from flowcraft_cli.execution import closing
    from flowcraft_engine.assembly.state_file import open_existing_store

    store = open_existing_store(settings, only_looks=only_looks)
    if store is None:
        yield None
        return
    async with closing(store):
        yield store
