"""State files that can be read, and not written."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from flowcraft_engine import BackendError
from flowcraft_engine.backends.sqlite.owner_lock import OwnerLocks
from flowcraft_engine.backends.sqlite.store import SqliteStore
from flowcraft_engine.kernel.commands import Start
from tests.contracts.driver import plan_of
from tests.unit.backends.read_only import open_folder, unwritable

pytestmark = pytest.mark.asyncio


@pytest.fixture
def folder() -> Iterator[Path]:
    with open_folder() as made:
        yield made


async def keep(path: Path, *run_ids: str) -> SqliteStore:
    store = SqliteStore(path)
    for run_id in run_ids:
        await store.start(plan_of("A"), Start(run_id, {"x": 1}))
    await store.flush()
    return store


async def look(path: Path) -> list[str]:
    """The ids of the runs, each of which was read."""
    store = SqliteStore(path, only_looks=True)
    try:
        found = [run.run_id for run in await store.list_runs()]
        for run_id in found:
            _, state = await store.snapshot(run_id)
            assert state.inputs == {"x": 1}
            assert len(await store.events(run_id)) == state.seq
            assert await store.read_logs(run_id) == []
            assert await store.is_orphaned(run_id)
            assert await store.refresh() == []
        return found
    finally:
        await store.close()


async def test_a_file_in_a_folder_that_cannot_be_written_can_be_looked_at(folder: Path) -> None:
    path = folder / "state.db"
    await (await keep(path, "r1")).close()
    assert await look(path) == ["r1"], "and now everything is imported"
    before = sorted(folder.iterdir())
    with unwritable(folder):
        assert await look(path) == ["r1"]
        with pytest.raises(BackendError, match="cannot be used"):
            SqliteStore(path)
    assert sorted(folder.iterdir()) == before


async def test_what_a_process_that_died_has_left_beside_the_file_is_read_too(
    folder: Path, tmp_path: Path
) -> None:
    store = await keep(tmp_path / "state.db", "r1")
    for name in ("state.db", "state.db-wal", "state.db-shm"):
        shutil.copy(tmp_path / name, folder / name)
    await store.close()
    with unwritable(folder):
        assert await look(folder / "state.db") == ["r1"]


async def test_what_cannot_be_read_where_it_is_must_be_copied(folder: Path, tmp_path: Path) -> None:
    store = await keep(tmp_path / "state.db", "r1")
    for name in ("state.db", "state.db-wal"):
        shutil.copy(tmp_path / name, folder / name)
    await store.close()
    with (
        unwritable(folder),
        pytest.raises(BackendError, match=r"its last steps are in state\.db-wal") as caught,
    ):
        await look(folder / "state.db")
    assert caught.value.hint == (
        "copy state.db and state.db-wal to another folder, and name the copy with --state FILE"
    )


async def test_a_file_of_an_older_layout_is_brought_up_to_date_elsewhere(folder: Path) -> None:
    path = folder / "state.db"
    await (await keep(path, "r1")).close()
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 2")
    with unwritable(folder), pytest.raises(BackendError, match="an older flowcraft"):
        await look(path)


async def test_a_damaged_file_is_told_to_be_one(folder: Path) -> None:
    path = folder / "state.db"
    path.write_bytes(b"no database at all" * 100)
    with unwritable(folder), pytest.raises(BackendError, match="not a database"):
        await look(path)


async def test_a_dead_owner_is_known_although_its_lock_cannot_be_taken_away(folder: Path) -> None:
    (folder / "dead.lock").touch()
    with unwritable(folder):
        assert OwnerLocks(folder).is_dead("dead")
    assert (folder / "dead.lock").exists()
    assert OwnerLocks(folder).is_dead("dead")
    assert not (folder / "dead.lock").exists()
