"""Runs in a SQLite file: kept over the end of a process, shared by the processes of one machine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flowcraft_engine.backends.sqlite.store import SqliteStore

__all__ = ["SqliteStore"]


def __getattr__(name: str) -> Any:
    # Imported when it is used: looking into the list of runs must not cost what executing one does.
    if name != "SqliteStore":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from flowcraft_engine.backends.sqlite.store import SqliteStore

    return SqliteStore
