"""The list of runs, looked through where it lies: a hundred thousand of them cost milliseconds."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

from flowcraft_engine.stores.coordination_store import RunQuery, RunSummary

_COLUMNS = "run_id, blueprint_id, version, status, created_at, finished_at, parent"


def find_runs(db: sqlite3.Connection, query: RunQuery) -> list[RunSummary]:
    """The newest runs that fit. Raises `sqlite3.Error`."""
    conditions: list[str] = []
    values: list[object] = []
    for condition, value in (
        ("status = ?", query.status),
        ("blueprint_id = ?", query.blueprint_id),
        ("created_at >= ?", query.since),
    ):
        if value is not None:
            conditions.append(condition)
            values.append(value)
    if query.top_only:
        conditions.append("parent IS NULL")
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    text = f"SELECT {_COLUMNS} FROM runs{where} ORDER BY id DESC LIMIT ?"  # noqa: S608 - constants
    return [RunSummary(*row) for row in db.execute(text, [*values, query.limit])]


def runs_beginning_with(
    path: Path, prefix: str, *, limit: int, within_s: float
) -> list[tuple[str, str, str]]:
    """Id, blueprint and status of the newest runs whose id begins with `prefix`; sub-runs are left out.

    Opens the file read-only, waits for no lock, and gives up with a `sqlite3.Error` after `within_s`.
    """
    deadline = time.monotonic() + within_s
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=0.05)) as db:
        db.set_progress_handler(lambda: time.monotonic() > deadline, 1_000)
        return db.execute(
            "SELECT run_id, blueprint_id, status FROM runs WHERE parent IS NULL AND substr(run_id, 1, ?) = ?"
            " ORDER BY id DESC LIMIT ?",
            (len(prefix), prefix, limit),
        ).fetchall()
