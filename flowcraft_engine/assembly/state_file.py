"""Where runs of this machine are kept: the state file, and its folder."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from flowcraft_engine.errors import BackendError, NotFoundError
from flowcraft_engine.settings import Settings

if TYPE_CHECKING:
    from flowcraft_engine.check import Check
    from flowcraft_engine.stores.coordination_store import CoordinationStore

_IGNORE_FILE = "# Runs that flowcraft keeps.\n*\n"


def open_store(settings: Settings) -> CoordinationStore:
    """The store of runs, made if it is not there. Raises `BackendError` when it cannot be."""
    if settings.state is None:
        from flowcraft_engine.stores.memory_store import MemoryStore

        return MemoryStore()
    prepare_folder(settings.state)
    return _sqlite(settings.state)


def open_existing_store(settings: Settings, *, only_looks: bool = False) -> CoordinationStore | None:
    """The store of runs; None if nothing was ever stored there. Makes no file.

    Who `only_looks` gets one that cannot be written, too.
    """
    if settings.state is None or not _exists(settings.state):
        return None
    return _sqlite(settings.state, only_looks=only_looks)


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except OSError as error:
        from flowcraft_engine.backends.sqlite.database import backend_error

        raise backend_error(path, error) from error


def no_runs_yet(settings: Settings, run_id: str) -> NotFoundError:
    """What to raise about a run when there is no state file."""
    where = "in memory" if settings.state is None else f"in {shown(settings.state)}"
    return NotFoundError(
        f"there is no run {run_id!r}: no runs are kept {where}",
        hint="runs are looked for in .flowcraft/state.db of the project, in --state FILE,"
        " or in Redis with --backend redis",
    )


def examine_state(settings: Settings) -> list[Check]:
    """What was found about the state file. Makes no file."""
    from flowcraft_engine.backends.sqlite.examination import examine

    return examine(settings.state)


def _sqlite(path: Path, *, only_looks: bool = False) -> CoordinationStore:
    from flowcraft_engine.backends.sqlite import SqliteStore

    return SqliteStore(path, only_looks=only_looks)


def prepare_folder(state: Path) -> None:
    """Our own folder is for its owner only and stays out of version control."""
    folder = state.parent
    if folder.name != ".flowcraft":
        return
    with _disk_errors(state):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        ignore = folder / ".gitignore"
        with contextlib.suppress(FileExistsError):
            descriptor = os.open(ignore, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(_IGNORE_FILE)


@contextlib.contextmanager
def _disk_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BackendError(
            f"runs cannot be kept in {shown(path)}: {error.strerror or error}",
            hint="name another file with --state FILE, or keep the run in memory: --state memory",
        ) from error


def shown(path: Path) -> str:
    """A path as a person in this folder writes it."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
