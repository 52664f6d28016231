"""Opens a state file for those who only look at runs: also where nobody may write, on a read-only mount, say."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from flowcraft_engine.backends.sqlite.database import BUSY_TIMEOUT_S, LAYOUT, backend_errors, open_database
from flowcraft_engine.errors import BackendError

#: `SQLITE_READONLY` and `SQLITE_CANTOPEN`.
_UNWRITABLE: Final = frozenset({8, 14})


def open_to_look(path: Path) -> sqlite3.Connection:
    """A connection to a file that is there, for reading only if that is all that can be done.

    SQLite writes beside a file even to read it. Where it cannot, the file is read as it lies there, if nothing of it is
    in the log beside it: then nobody writes to it. Whoever begins to do so meanwhile, through a mount of another
    machine, may spoil what this connection sees, never the file. Raises `BackendError`.
    """
    try:
        return open_database(path)
    except BackendError as error:
        if not _is_unwritable(error.__cause__):
            raise
    with backend_errors(path):
        connection = _open_as_it_is(path)
        try:
            layout = connection.execute("PRAGMA user_version").fetchone()[0]
            if layout != LAYOUT:
                age = "a newer" if layout > LAYOUT else "an older"
                raise BackendError(
                    f"{path} was written by {age} flowcraft, and cannot be changed here",
                    hint="copy it to where it can be written, and name the copy with --state FILE",
                )
        except BaseException:
            connection.close()
            raise
        return connection


def _open_as_it_is(path: Path) -> sqlite3.Connection:
    try:
        return _connect(path, "mode=ro")
    except sqlite3.OperationalError as error:
        if not _is_unwritable(error):
            raise
    file = path.resolve()  # SQLite follows links, and writes beside what they lead to
    log = file.with_name(f"{file.name}-wal")
    if log.exists() and log.stat().st_size:
        raise BackendError(
            f"the state file {path} cannot be read where it is: its last steps are in {log.name}, and its folder"
            " cannot be written",
            hint=f"copy {path.name} and {log.name} to another folder, and name the copy with --state FILE",
        )
    return _connect(path, "mode=ro&immutable=1")


def _connect(path: Path, how: str) -> sqlite3.Connection:
    connection = sqlite3.connect(
        f"{path.absolute().as_uri()}?{how}",
        uri=True,
        timeout=BUSY_TIMEOUT_S,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        connection.execute("SELECT count(*) FROM sqlite_master")
    except BaseException:
        connection.close()
        raise
    return connection


def _is_unwritable(error: BaseException | None) -> bool:
    """True if a file could not be written, or not be made."""
    if isinstance(error, PermissionError):
        return True
    return isinstance(error, sqlite3.OperationalError) and (error.sqlite_errorcode & 0xFF) in _UNWRITABLE
