"""The table of what nodes printed and logged."""

from __future__ import annotations

import json
import sqlite3

from flowcraft_engine.stores.log_store import LogLine, LogPart

_INSERT = """
INSERT INTO logs (run, number, instance, generation, attempt, lines, left_out)
SELECT ?, coalesce(max(number), 0) + 1, ?, ?, ?, ?, ? FROM logs WHERE run = ?
"""
_SELECT = """
SELECT instance, generation, attempt, lines, left_out, number FROM logs WHERE run = ? AND number > ? ORDER BY number
LIMIT ?
"""


def insert_part(db: sqlite3.Connection, row: int, part: LogPart) -> None:
    """Add a part behind the others of the run in `row`."""
    # Text that is no valid Unicode is kept escaped.
    lines = json.dumps(part.lines, separators=(",", ":"))
    values = (row, part.instance, part.generation, part.attempt, lines, part.left_out, row)
    db.execute(_INSERT, values)


def last_number(db: sqlite3.Connection, row: int) -> int:
    """The number of the last part of the run in `row`; 0 if there is none."""
    found = db.execute("SELECT coalesce(max(number), 0) FROM logs WHERE run = ?", (row,)).fetchone()
    return int(found[0])


def select_parts(
    db: sqlite3.Connection, row: int, run_id: str, after: int, limit: int | None = None
) -> list[LogPart]:
    most = -1 if limit is None else limit  # which is no limit to SQLite
    return [
        LogPart(
            run_id,
            instance,
            generation,
            attempt,
            tuple(LogLine(*it) for it in json.loads(lines)),
            left_out,
            number,
        )
        for instance, generation, attempt, lines, left_out, number in db.execute(_SELECT, (row, after, most))
    ]
