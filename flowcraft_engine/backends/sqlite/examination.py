"""Looks at the state file without changing it, or making it."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from flowcraft_engine.backends.sqlite.database import LAYOUT, backend_errors
from flowcraft_engine.check import Check
from flowcraft_engine.errors import BackendError

_NAME = "state"
_ANOTHER = "name another with --state FILE"
_UNITS = ("bytes", "KiB", "MiB", "GiB")
_BUSY_S = 2.0


def examine(path: Path | None) -> list[Check]:
    """Whether runs can be kept in `path`; None: they are kept in memory."""
    if path is None:
        return [Check.ok(_NAME, "runs are kept in memory, until their command ends")]
    try:
        if not path.exists():
            return [_place(path)]
        return [_file(path)]
    except BackendError as error:
        return [Check.fail(_NAME, error.message, error.hint)]
    except OSError as error:
        return [Check.fail(_NAME, f"{path} cannot be looked at: {error.strerror}", _ANOTHER)]


def _place(path: Path) -> Check:
    """Where a file is not yet."""
    folder = next(parent for parent in path.parents if parent.exists())
    if not folder.is_dir():
        return Check.fail(_NAME, f"{path} cannot be made: {folder} is no folder", _ANOTHER)
    if not os.access(folder, os.W_OK | os.X_OK):
        return Check.fail(_NAME, f"{path} cannot be made: {folder} cannot be written", _ANOTHER)
    return Check.ok(_NAME, f"no runs yet; they will be kept in {path}")


def _file(path: Path) -> Check:
    layout, runs, unfinished = _contents(path)
    if layout > LAYOUT:
        return Check.fail(_NAME, f"{path} was written by a newer flowcraft", f"upgrade, or {_ANOTHER}")
    # SQLite keeps its log beside the file.
    for it in (path, path.parent):
        if not os.access(it, os.W_OK):
            return Check.fail(_NAME, f"{it} cannot be written", f"make it writable, or {_ANOTHER}")
    if layout == 0 and runs == 0:
        return Check.ok(_NAME, f"no runs yet; they will be kept in {path}")
    count = f"{runs} run{'' if runs == 1 else 's'}, {unfinished} of them not ended"
    return Check.ok(_NAME, f"{path} is readable and writable: {count}, {_size(path)}")


def _contents(path: Path) -> tuple[int, int, int]:
    """Layout, runs, and how many of them have not ended."""
    with (
        backend_errors(path),
        closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=_BUSY_S)) as db,
    ):
        layout = int(db.execute("PRAGMA user_version").fetchone()[0])
        if layout == 0 or layout > LAYOUT:
            db.execute("SELECT count(*) FROM sqlite_master")
            return layout, 0, 0
        row = db.execute(
            "SELECT count(*), count(*) - count(finished_at) FROM runs WHERE parent IS NULL"
        ).fetchone()
        return layout, int(row[0]), int(row[1])


def _size(path: Path) -> str:
    """Of the file and the log beside it."""
    files = (path, path.with_name(f"{path.name}-wal"))
    size = float(sum(it.stat().st_size for it in files if it.exists()))
    for unit in _UNITS:
        if size < 1024 or unit == _UNITS[-1]:
            break
        size /= 1024
    return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
