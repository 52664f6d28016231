"""Shell completion of run ids: quick, or nothing, for nobody waits for a completion."""

from __future__ import annotations

import os
import sqlite3
import time
from contextlib import closing

_MOST_S = 0.15
_MOST_RUNS = 40


def complete_run_ids(incomplete: str) -> list[tuple[str, str]]:
    """Ids that begin like `incomplete`, the newest first, each with its blueprint and status. Never fails."""
    try:
        found = _look_up(incomplete)
    except Exception:  # whatever is wrong, a person who presses Tab must not see it
        return []
    if "@latest".startswith(incomplete):
        found.append(("@latest", "the newest run"))
    return found


def _look_up(incomplete: str) -> list[tuple[str, str]]:
    from flowcraft_engine.settings import read_settings

    state = read_settings({}, os.environ).state
    if state is None or not state.exists():
        return []
    deadline = time.monotonic() + _MOST_S
    # Read-only and without waiting for locks: the file is opened as it stands, not prepared for writing.
    with closing(sqlite3.connect(f"{state.as_uri()}?mode=ro", uri=True, timeout=0.05)) as db:
        db.set_progress_handler(lambda: time.monotonic() > deadline, 1_000)
        rows = db.execute(
            "SELECT run_id, blueprint_id, status FROM runs WHERE parent IS NULL AND substr(run_id, 1, ?) = ?"
            " ORDER BY id DESC LIMIT ?",
            (len(incomplete), incomplete, _MOST_RUNS),
        ).fetchall()
    return [(str(run_id), f"{blueprint} {status}") for run_id, blueprint, status in rows]
