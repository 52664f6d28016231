"""What SQLite says of a state file that cannot be used comes with what to do about it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from flowcraft_engine.backends.sqlite.database import backend_error


@pytest.mark.parametrize(
    ("told", "cure"),
    [
        ("database is locked", "try again"),
        ("file is not a database", "not a state file of flowcraft"),
        ("database disk image is malformed", "move it away"),
        ("database or disk is full", "make room"),
        ("attempt to write a readonly database", "writable"),
    ],
)
def test_what_keeps_a_state_file_from_use_comes_with_its_cure(tmp_path: Path, told: str, cure: str) -> None:
    assert cure in (backend_error(tmp_path / "state.db", sqlite3.DatabaseError(told)).hint or "")
