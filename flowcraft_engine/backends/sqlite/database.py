"""The connection to a state file: opened, checked, and with SQLite's errors turned into ours."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from time import monotonic, sleep

from flowcraft_engine.errors import BackendError

LAYOUT = 3
#: Bits of a place in the journal that are the position in its run; those above are the run.
_POSITION_BITS = 32
#: Until layout 3 the journal was a tree of rows, which SQLite balances at every append.
_NEW_JOURNAL = (
    "CREATE TABLE new_journal (place INTEGER PRIMARY KEY, events TEXT NOT NULL)",
    "INSERT INTO new_journal SELECT run << 32 | seq, events FROM journal ORDER BY run, seq",
    "DROP TABLE journal",
    "ALTER TABLE new_journal RENAME TO journal",
)
#: Another process holds the lock for the length of one step.
BUSY_TIMEOUT_S = 30.0
#: Between two tries of what SQLite does not wait for by itself.
_PAUSE_S = 0.01
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
            path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
        )
        try:
            _prepare(connection, path)
        except BaseException:
            connection.close()
            raise
        return connection


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    # Of a new file. Most steps are small, and each writes the pages that it touches as a whole.
    connection.execute("PRAGMA page_size = 2048")
    _write_ahead(connection)
    connection.execute("PRAGMA synchronous = NORMAL")
    # Each checkpoint waits for the disk: fewer of them, for a few megabytes.
    connection.execute("PRAGMA wal_autocheckpoint = 8000")
    layout = connection.execute("PRAGMA user_version").fetchone()[0]
    if layout > LAYOUT:
        raise BackendError(
            f"{path} was written by a newer flowcraft", hint="upgrade, or use another --state file"
        )
    if layout < LAYOUT:
        connection.executescript(files(__package__).joinpath("schema.sql").read_text(encoding="utf-8"))
        _renew_journal(connection)


def _write_ahead(connection: sqlite3.Connection) -> None:
    """Change a new file to WAL: others who make the same file at this moment are waited for, not by SQLite."""
    until = monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            # The lowest byte of the code; the others say of what kind it is.
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or monotonic() >= until:
                raise
        sleep(_PAUSE_S)


def _renew_journal(connection: sqlite3.Connection) -> None:
    """Bring the journal of an older layout to this one: all of it or nothing, and once, whoever else tries, too."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        if any(column[1] == "seq" for column in connection.execute("PRAGMA table_info(journal)").fetchall()):
            for statement in _NEW_JOURNAL:
                connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {LAYOUT}")
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # of a full disk, say, SQLite has taken it back itself
            connection.execute("ROLLBACK")
        raise


def place_of(run: int, position: int) -> int:
    """Where the events of a run from `position` on are in the journal."""
    return run << _POSITION_BITS | position


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
    return BackendError(f"the state file {path} cannot be used: {error}", hint=_hint(path, error))


def _hint(path: Path, error: sqlite3.DatabaseError) -> str:
    told = str(error)
    if "locked" in told:
        return "another process writes to it; try again"
    if "not a database" in told:
        return "it is not a state file of flowcraft; name another with --state FILE"
    if "malformed" in told:
        return f"the file is damaged: move it away to begin a new one; `sqlite3 {path.name} .recover` may save runs"
    if "full" in told:
        return "make room on the disk; `flowcraft reconcile --all` goes on with what this has interrupted"
    if "readonly" in told or not os.access(path.parent, os.W_OK):
        return "it and its folder must be writable, but for commands that only look; or name another with --state FILE"
    return _ANOTHER
