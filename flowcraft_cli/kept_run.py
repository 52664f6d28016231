"""What the commands about kept runs share: the store, the id, and going on with a run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import typer

from flowcraft_cli.mode_options import refuse_ignored, refuse_place
from flowcraft_cli.options import settings_of
from flowcraft_cli.run_ids import check_run_reference, find_run
from flowcraft_engine.execution.run_ids import RUN_FILE_SUFFIX
from flowcraft_engine.frozen import frozen

if TYPE_CHECKING:
    from flowcraft_cli.ending import Ending
    from flowcraft_cli.manner import Manner
    from flowcraft_cli.run_place import RunPlace
    from flowcraft_engine.errors import NotFoundError
    from flowcraft_engine.runtime.flow_runtime import FlowRuntime
    from flowcraft_engine.settings import Settings
    from flowcraft_engine.stores.coordination_store import CoordinationStore
    from flowcraft_engine.stores.log_store import LogStore


@frozen
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
async def kept_run(
    context: typer.Context, text: str, *, only_looks: bool = False, is_alone: bool = True
) -> AsyncIterator[KeptRun]:
    """The run that `text` means: where the runs are, or in a file. Raises `UsageError`, `NotFoundError`.

    To a run file that `is_alone` options about the place of runs mean nothing.
    While `flowcraft dev` runs, and nobody has said where runs are, it may be in either place: which is told. A command
    that `only_looks` does not wait for a Redis that is away.
    """
    from flowcraft_cli.either_place import found_in_either
    from flowcraft_cli.output import tell
    from flowcraft_cli.run_place import open_place
    from flowcraft_engine.assembly.backend import is_distributed, settings_of_dev
    from flowcraft_engine.assembly.state_file import no_runs_yet

    settings = settings_of(context)
    path, inner = run_file_of(text)
    if path is not None:
        if is_alone:
            refuse_place(context, "a run in a file")
        async with _in_file(settings, path, inner) as kept:
            yield kept
        return
    check_run_reference(text)
    there = settings_of_dev(settings)
    if there is not None:
        async with found_in_either(settings, there, text, only_looks=only_looks) as (place, run_id, is_there):
            refuse_ignored(context, in_redis=is_there)
            if is_there and not context.params.get("quiet"):
                tell(f"run {run_id} is in the Redis of flowcraft dev (--backend redis)")
            yield await run_in(place, run_id)
        return
    refuse_ignored(context, in_redis=is_distributed(settings))
    async with open_place(settings, only_looks=only_looks) as place:
        if place is None:
            raise _perhaps_of_dev(settings, no_runs_yet(settings, text))
        yield await run_in(place, await _found(place, text))


async def _found(place: RunPlace, text: str) -> str:
    """The id of the run that `text` means in that place, which is the only one now."""
    from flowcraft_engine.errors import NotFoundError

    try:
        return await find_run(place.store, text)
    except NotFoundError as error:
        raise _perhaps_of_dev(place.settings, error) from error


def _perhaps_of_dev(settings: Settings, error: NotFoundError) -> NotFoundError:
    """The same, with the hint that a run of `flowcraft dev` is not found while that does not run."""
    from flowcraft_engine.assembly.backend import may_be_with_dev
    from flowcraft_engine.errors import NotFoundError

    if not may_be_with_dev(settings):
        return error
    hints = [error.hint, "runs of flowcraft dev are found while that runs"]
    return NotFoundError(error.message, hint="; ".join(filter(None, hints)))


async def run_in(place: RunPlace, run_id: str) -> KeptRun:
    """A run of that place, with the settings that it was begun with."""
    if place.fleet is not None:
        return KeptRun(place, run_id)
    from flowcraft_engine.assembly.runtime import settings_for_run

    remembered = await place.store.recall(run_id.partition(":")[0])
    return KeptRun(replace(place, settings=settings_for_run(place.settings, remembered)), run_id)


def _is_of(word: str, top: str) -> bool:
    return word == top or word.startswith(f"{top}:")


def run_file_of(text: str) -> tuple[str | None, str]:
    """The file that is meant by `run.fcrun` or `run.fcrun:sub`, and the rest; None for other references."""
    name, suffix, inner = text.rpartition(RUN_FILE_SUFFIX)
    return (name + suffix, inner) if suffix and name and inner[:1] in ("", ":") else (None, "")


@asynccontextmanager
async def _in_file(settings: Settings, path: str, inner: str) -> AsyncIterator[KeptRun]:
    from pathlib import Path

    from flowcraft_cli.execution import closing
    from flowcraft_cli.run_place import RunPlace
    from flowcraft_engine.assembly.run_file import open_run_file
    from flowcraft_engine.assembly.runtime import settings_for_run

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
    from flowcraft_engine.assembly.nodes import make_registry
    from flowcraft_engine.assembly.runtime import make_runtime
    from flowcraft_engine.execution.standing import open_tree

    watcher = choose_watcher(manner, kept.settings)
    registry = make_registry(kept.settings)
    runtime = make_runtime(kept.settings, registry, kept.store, on_progress=watcher.on_progress)
    top = kept.top
    plan, _ = await kept.store.glance(top)
    watcher.follow(top, [node.id for node in plan.blueprint.nodes])
    for name in await open_tree(kept.store, top):
        watcher.progress.catch_up(name, await kept.store.events(name))

    async def start() -> str:
        await begin(runtime)
        return top

    with node_log(watcher, kept.settings, runtime.masker, verbose=manner.verbose):
        return await execute(runtime, start, manner, watcher=watcher, where=kept.where, reference=kept.file)
