"""A quick look at the list of runs, for whoever cannot wait: shell completion."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path


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
