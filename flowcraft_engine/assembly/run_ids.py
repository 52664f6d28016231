"""Ids of kept runs, for shell completion."""

from __future__ import annotations

from flowcraft_engine.assembly.backend import is_distributed
from flowcraft_engine.assembly.fleet import make_fleet
from flowcraft_engine.settings import Settings
from flowcraft_engine.stores.coordination_store import RunQuery

_COMPLETED_AMONG = 300


def runs_beginning_with(
    settings: Settings, prefix: str, *, limit: int, within_s: float
) -> list[tuple[str, str, str]]:
    """Id, blueprint and status of the newest kept runs whose id begins with `prefix`; for shell completion."""
    if is_distributed(settings):
        return _shared_runs_beginning_with(settings, prefix, limit=limit, within_s=within_s)
    if settings.state is None or not settings.state.exists():
        return []
    from flowcraft_engine.backends.sqlite import run_index

    return run_index.runs_beginning_with(settings.state, prefix, limit=limit, within_s=within_s)


def _shared_runs_beginning_with(
    settings: Settings, prefix: str, *, limit: int, within_s: float
) -> list[tuple[str, str, str]]:
    """The same for runs in Redis, among the newest few hundred."""
    import asyncio

    async def look() -> list[tuple[str, str, str]]:
        async with make_fleet(settings) as fleet:
            runs = await fleet.client.store.find_runs(RunQuery(limit=_COMPLETED_AMONG))
        found = [run for run in runs if run.run_id.startswith(prefix)]
        return [(run.run_id, run.blueprint_id, run.status) for run in found[:limit]]

    return asyncio.run(asyncio.wait_for(look(), within_s))
