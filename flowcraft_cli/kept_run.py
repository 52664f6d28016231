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
    from flowcraft_engine.stores.log_store import LogStore

#: Run files are told from run ids by the end of their name.
_SUFFIX = ".fcrun"


@dataclass(frozen=True, slots=True)
class KeptRun:
    """A run that was found, and the place where it is."""

    place: RunPlace
    run_id: str
    #: The run file that it is in, as the user has named it; None for runs in the store of runs.
    file: str | None = None

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

    @property
    def where(self) -> str | None:
        """What a later command needs to find the run, beside its name."""
        return "" if self.file is not None else self.place.where

    def as_typed(self, command: str) -> str:
        """A command about this run or its sub-runs, for where it is: in a run file, the file stands for the id."""
        if self.file is None:
            return command
        top, file = self.top, self.file
        return " ".join(file + it[len(top) :] if _is_of(it, top) else it for it in command.split(" "))

    @property
    def logs(self) -> LogStore:
        """Where the output of its nodes is. Raises `UsageError` for a store that keeps none."""
        from flowcraft_engine.errors import UsageError
        from flowcraft_engine.stores.log_store import LogStore

        if not isinstance(self.store, LogStore):
            raise UsageError("what nodes print is not kept where this run is")
        return self.store


@asynccontextmanager
async def kept_run(context: typer.Context, text: str) -> AsyncIterator[KeptRun]:
    """The run that `text` means: where the runs are, or in a file. Raises `UsageError`, `NotFoundError`."""
    from flowcraft_cli.run_place import open_place
    from flowcraft_engine.assembly import no_runs_yet

    settings = settings_of(context)
    path, inner = run_file_of(text)
    if path is not None:
        async with _in_file(settings, path, inner) as kept:
            yield kept
        return
    check_run_reference(text)
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


def _is_of(word: str, top: str) -> bool:
    return word == top or word.startswith(f"{top}:")


def run_file_of(text: str) -> tuple[str | None, str]:
    """The file that is meant by `run.fcrun` or `run.fcrun:sub`, and the rest; None for other references."""
    name, suffix, inner = text.rpartition(_SUFFIX)
    return (name + suffix, inner) if suffix and name and inner[:1] in ("", ":") else (None, "")


@asynccontextmanager
async def _in_file(settings: Settings, path: str, inner: str) -> AsyncIterator[KeptRun]:
    from pathlib import Path

    from flowcraft_cli.execution import closing
    from flowcraft_cli.run_place import RunPlace
    from flowcraft_engine.assembly import open_run_file, settings_for_run

    opened, run_id = await open_run_file(Path(path))
    async with closing(opened) as store:
        found = await find_run(store, run_id + inner) if inner else run_id
        own = settings_for_run(settings, await store.recall(run_id))
        yield KeptRun(RunPlace(own, store), found, path)


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

    watcher = choose_watcher(manner, kept.settings)
    registry = make_registry(kept.settings)
    runtime = make_runtime(kept.settings, registry, kept.store, on_progress=watcher.on_progress)
    top = kept.top
    plan, _ = await kept.store.snapshot(top)
    watcher.follow(top, [node.id for node in plan.blueprint.nodes])
    watcher.progress.catch_up(top, await kept.store.events(top))

    async def start() -> str:
        await begin(runtime)
        return top

    with node_log(watcher, kept.settings, runtime.masker, verbose=manner.verbose):
        return await execute(runtime, start, manner, watcher=watcher, where=kept.where, reference=kept.file)
