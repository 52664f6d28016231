"""What `doctor` says about a state file."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from flowcraft_engine.backends.sqlite.database import open_database
from flowcraft_engine.backends.sqlite.examination import examine
from flowcraft_engine.check import Check, CheckStatus


def looked_at(path: Path | None) -> Check:
    [check] = examine(path)
    return check


def test_memory_is_fine() -> None:
    assert looked_at(None).status is CheckStatus.OK


def test_a_file_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "state.db"
    assert looked_at(path) == Check.ok("state", f"no runs yet; they will be kept in {path}")
    assert not (tmp_path / "a").exists()


def test_a_file_with_runs_is_counted_and_measured(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with closing(open_database(path)) as db:
        for name, finished, parent in (("a", 1.0, None), ("b", None, None), ("b:sub", None, "b")):
            db.execute(
                "INSERT INTO runs (run_id, blueprint_id, digest, status, created_at, finished_at, parent)"
                " VALUES (?, 'x', 'd', 's', 0, ?, ?)",
                (name, finished, parent),
            )
        check = looked_at(path)
    assert check.status is CheckStatus.OK
    assert "2 runs, 1 of them not ended, " in check.found
    assert check.found.endswith("KiB")


@pytest.mark.parametrize("content", [b"no database at all " * 100, b"\0" * 5000])
def test_another_file_fails_and_stays_as_it_is(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "state.db"
    path.write_bytes(content)
    check = looked_at(path)
    assert check.status is CheckStatus.FAIL
    assert check.advice is not None
    assert "--state" in check.advice
    assert path.read_bytes() == content


def test_a_file_of_a_newer_flowcraft_fails(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")
    check = looked_at(path)
    assert check.status is CheckStatus.FAIL
    assert "newer flowcraft" in check.found


def test_a_folder_that_is_a_file_fails(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    check = looked_at(tmp_path / "file" / "state.db")
    assert check.status is CheckStatus.FAIL
    assert "no folder" in check.found


def test_a_folder_in_place_of_the_file_fails(tmp_path: Path) -> None:
    assert looked_at(tmp_path).status is CheckStatus.FAIL


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_fails(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    check = looked_at(tmp_path / "state.db")
    tmp_path.chmod(0o700)
    assert check.status is CheckStatus.FAIL
    assert "cannot be written" in check.found
