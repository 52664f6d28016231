"""The connection to a state file: opened, checked, and with SQLite's errors turned into ours."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path

from flowcraft_engine.errors import BackendError

LAYOUT = 2
#: Another process holds the lock for the length of one step.
_BUSY_TIMEOUT_S = 30.0
_ANOTHER = "--state FILE names another"


def open_database(path: Path) -> sqlite3.Connection:
    """A connection in autocommit mode, with the tables there. Raises `BackendError` with what to do.

    WAL with `synchronous=NORMAL`: what was committed survives the death of any process. A power failure may take
    the last moments, never half a step.
    """
    with backend_errors(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        connection = sqlite3.connect(
            path, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        # Each checkpoint waits for the disk: fewer of them, for a few megabytes.
        connection.execute("PRAGMA wal_autocheckpoint = 4000")
        layout = connection.execute("PRAGMA user_version").fetchone()[0]
        if layout > LAYOUT:
            raise BackendError(
                f"{path} was written by a newer flowcraft", hint="upgrade, or use another --state file"
            )
        if layout < LAYOUT:
            connection.executescript(files(__package__).joinpath("schema.sql").read_text(encoding="utf-8"))
            connection.execute(f"PRAGMA user_version = {LAYOUT}")
        return connection


@contextmanager
def backend_errors(path: Path) -> Iterator[None]:
    """Turn what SQLite and the file system raise into a `BackendError` with a sentence."""
    try:
        yield
    except (sqlite3.DatabaseError, OSError) as error:
        raise backend_error(path, error) from error


def backend_error(path: Path, error: sqlite3.DatabaseError | OSError) -> BackendError:
    """The `BackendError` for what was raised while the state file was used."""
    if isinstance(error, OSError):
        reason = error.strerror or str(error)
        return BackendError(f"the state file {path} cannot be used: {reason}", hint=_ANOTHER)
    return BackendError(f"the state file {path} cannot be used: {error}", hint=_hint(error))


def _hint(error: sqlite3.DatabaseError) -> str:
    if "locked" in str(error):
        return "another process writes to it; try again"
    if "not a database" in str(error) or "malformed" in str(error):
        return "it is not a state file of flowcraft; name another with --state FILE"
    return _ANOTHER
