"""Runs in a SQLite file: kept over the end of a process, shared by the processes of one machine."""

from flowcraft_engine.backends.sqlite.store import SqliteStore

__all__ = ["SqliteStore"]
