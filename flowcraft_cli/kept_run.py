"""What the commands about kept runs share: the store, the id, and going on with a run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import typer

from flowcraft_cli.options import settings_of
from flowcraft_cli.run_ids import check_run_reference, find_run

if TYPE_CHECKING:
    from flowcraft_cli.ending import Ending
    from flowcraft_cli.manner import Manner
    from flowcraft_cli.run_place import RunPlace
    from flowcraft_engine.runtime.flow_runtime import FlowRuntime
    from flowcraft_engine.settings import Settings
    from flowcraft_engine.stores.coordination_store import CoordinationStore


@dataclass(frozen=True, slots=True)
class KeptRun:
    """A run that was found, and the place where it is."""

    place: RunPlace
    run_id: str

    @property
    def store(self) -> CoordinationStore:
        return self.place.store

    @property
    def settings(self) -> Settings:
        return self.place.settings

    @property
    def top(self) -> str:
        """The run itself, or the one that its chain of parents ends with."""
        return self.run_id.partition(":")[0]


@asynccontextmanager
async def kept_run(context: typer.Context, text: str) -> AsyncIterator[KeptRun]:
    """The run that `text` means. Raises `UsageError`, `NotFoundError`."""
    from flowcraft_cli.run_place import open_place
    from flowcraft_engine.assembly import no_runs_yet

    check_run_reference(text)
    settings = settings_of(context)
    async with open_place(settings) as place:
        if place is None:
            raise no_runs_yet(settings, text)
        yield await run_in(place, await find_run(place.store, text))


async def run_in(place: RunPlace, run_id: str) -> KeptRun:
    """A run of that place, with the settings that it was begun with."""
    if place.fleet is not None:
        return KeptRun(place, run_id)
    from flowcraft_engine.assembly import settings_for_run

    remembered = await place.store.recall(run_id.partition(":")[0])
    return KeptRun(replace(place, settings=settings_for_run(place.settings, remembered)), run_id)


async def go_on(
    kept: KeptRun,
    begin: Callable[[FlowRuntime], Awaitable[str]],
    manner: Manner,
) -> Ending:
    """Execute what the run has left to do, once `begin` has changed what is to be changed."""
    from flowcraft_cli.execution import execute
    from flowcraft_cli.watching.choose import choose_watcher
    from flowcraft_cli.watching.node_log import node_log
    from flowcraft_engine.assembly import make_registry, make_runtime

    watcher = choose_watcher(manner)
    registry = make_registry(kept.settings)
    runtime = make_runtime(kept.settings, registry, kept.store, on_progress=watcher.on_progress)
    top = kept.top
    plan, _ = await kept.store.snapshot(top)
    watcher.follow(top, [node.id for node in plan.blueprint.nodes])
    watcher.progress.catch_up(top, await kept.store.events(top))

    async def start() -> str:
        await begin(runtime)
        return top

    with node_log(watcher, verbose=manner.verbose):
        return await execute(runtime, start, manner, watcher=watcher, where=kept.place.where)
