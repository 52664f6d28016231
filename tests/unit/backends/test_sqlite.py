"""What is particular to the state file: other processes, dead owners, files that cannot be used."""

from __future__ import annotations

import asyncio
import gc
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from flowcraft_engine import BackendError, FlowRuntime, NodeContext, NodeRegistry, NotFoundError, node
from flowcraft_engine.backends.sqlite import SqliteStore, database
from flowcraft_engine.clock import ManualClock
from flowcraft_engine.kernel.commands import Committed, Completed
from flowcraft_engine.kernel.state import RunState
from flowcraft_engine.kernel.transitions import Transition
from flowcraft_engine.stores.coordination_store import CoordinationStore
from tests.benchmarks.shapes import batch
from tests.contracts.driver import Driver
from tests.contracts.same_state import assert_same_state

pytestmark = pytest.mark.asyncio


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


def drivers(path: Path, count: int = 2) -> list[Driver]:
    """The same run, seen through several connections, as several processes would."""
    clock = ManualClock()
    return [Driver(SqliteStore(path, clock), clock) for _ in range(count)]


async def close(*runs: Driver) -> None:
    for run in runs:
        await run.store.close()


async def test_two_connections_see_each_others_steps(path: Path) -> None:
    one, two = drivers(path)
    await one.begin("A -> B; A -> C")
    await one.store.flush()
    assert await two.claim("A", "two") is not None
    assert await one.claim("A", "one") is None
    await one.store.flush()
    await two.commit_completed("A", 1)
    await two.store.flush()
    assert await one.claim("B", "one's") is not None
    assert await two.claim("B", "two's") is None
    await two.store.flush()
    assert await two.claim("C", "two's") is not None
    await one.store.refresh()
    await two.store.refresh()
    assert_same_state(await one.state(), await two.state())
    await close(one, two)


async def test_refresh_tells_what_others_changed_even_if_a_step_has_seen_it(path: Path) -> None:
    one, two = drivers(path)
    await one.begin("W:wait; A; B")
    await one.wait("W")
    await one.store.flush()
    assert await two.signal("W", 1) is not None
    assert await one.claim("A") is not None, "this step reads the answer, too"
    assert await one.store.refresh() == ["run"]
    assert await one.store.refresh() == []
    await close(one, two)


async def test_an_owner_lives_as_long_as_its_store_is_open(path: Path) -> None:
    one, two = drivers(path)
    owner = one.store.claimant()
    assert one.store.claimant() == owner
    assert not await two.store.owner_is_dead(owner)
    assert not await one.store.owner_is_dead(owner)
    await one.store.close()
    assert await two.store.owner_is_dead(owner)
    assert await two.store.owner_is_dead("never-heard-of")
    await two.store.close()
    assert not list(path.parent.glob("*-owners/*"))


async def test_a_run_is_orphaned_until_somebody_attends_it(path: Path) -> None:
    one, two = drivers(path)
    await one.begin("A")
    await one.store.attend("run", one.store.claimant())
    await one.store.flush()
    assert not await two.store.is_orphaned("run")
    await one.store.close()
    assert await two.store.is_orphaned("run")
    await two.store.close()


@pytest.mark.parametrize("content", [b"not a database" * 100, b"\x00" * 5_000])
async def test_a_file_that_is_no_state_file_is_refused_in_words(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(BackendError, match=r"state\.db"):
        SqliteStore(path)
    assert path.read_bytes() == content


async def test_a_file_of_a_newer_version_is_refused_and_let_go(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(BackendError, match="newer") as refusal:
        SqliteStore(path)
    assert refusal.value.__traceback__ is not None, "which keeps alive all that was not closed"
    with sqlite3.connect(path, timeout=0) as connection:
        # Needs the file for itself alone.
        assert connection.execute("PRAGMA journal_mode = DELETE").fetchone() == ("delete",)
    connection.close()


async def test_whoever_makes_the_same_file_is_waited_for(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SQLite itself gives up at once: whoever waits has a part of the lock that the other one needs."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("CREATE TABLE unfinished (it)")
        pauses: list[float] = []

        def pause(seconds: float) -> None:
            pauses.append(seconds)
            if len(pauses) == 2:
                other.execute("ROLLBACK")

        monkeypatch.setattr(database, "sleep", pause)
        store = SqliteStore(path)
    assert len(pauses) == 2
    await store.close()


async def test_a_file_that_stays_locked_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 0.1)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(BackendError, match="locked") as refusal:
            SqliteStore(path)
    assert "try again" in (refusal.value.hint or "")


async def test_runs_in_a_file_of_layout_2_are_read_and_go_on(path: Path) -> None:
    (run,) = drivers(path, 1)
    await run.begin("A -> B")
    await run.complete("A", 1)
    before, events = await run.state(), await run.store.events(run.run_id)
    await close(run)
    with sqlite3.connect(path) as connection:
        connection.executescript(
            "CREATE TABLE older (run INTEGER NOT NULL, seq INTEGER NOT NULL, events TEXT NOT NULL,"
            " PRIMARY KEY (run, seq)) WITHOUT ROWID;"
            "INSERT INTO older SELECT place >> 32, place & 4294967295, events FROM journal;"
            "DROP TABLE journal; ALTER TABLE older RENAME TO journal; PRAGMA user_version = 2;"
        )
    connection.close()
    one, two = drivers(path)
    assert await one.store.events(one.run_id) == events
    assert_same_state(await one.state(), before)
    await one.complete("B", 2)
    await one.store.flush()
    assert (await two.state()).status == "completed"
    await close(one, two)


async def test_what_ended_the_change_of_a_layout_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a full disk SQLite takes the transaction back by itself: another ROLLBACK would be what fails."""
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE journal (run INTEGER, seq INTEGER, events TEXT)")
    connection.close()
    monkeypatch.setattr(database, "_NEW_JOURNAL", ("ROLLBACK", "INSERT INTO nowhere VALUES (1)"))
    with pytest.raises(BackendError, match="nowhere"):
        SqliteStore(path)


async def test_a_step_that_cannot_be_written_is_an_error_and_leaves_the_file_as_it_was(path: Path) -> None:
    (run,) = drivers(path, 1)
    await run.begin("A -> B")
    await run.store.flush()
    await run.complete("A", "\udc80")
    with pytest.raises(BackendError, match="cannot be written"):
        await run.store.flush()
    with pytest.raises(BackendError, match="cannot be written"):
        await run.claim("B")
    await run.store.close()
    (heir,) = drivers(path, 1)
    assert (await heir.states())["A"] == "running"
    await close(heir)


async def test_state_files_are_for_their_owner_only(path: Path) -> None:
    store = SqliteStore(path)
    assert path.stat().st_mode & 0o077 == 0
    await store.close()


async def test_claims_in_company_are_given_when_the_group_is_written(path: Path) -> None:
    one, two = drivers(path)
    await one.begin("A -> C; B -> D")
    await one.claim("A")
    await one.claim("B")
    written = commits_of(one.store)
    commits = [asyncio.create_task(commit_in_company(one, name, nonce)) for name, nonce in ("A1", "B2")]
    await asyncio.sleep(0)
    assert not any(commit.done() for commit in commits)
    committed = await asyncio.gather(*commits)
    assert [claim.instance for it in committed for claim in it.claims] == ["C", "D"]
    assert len(written) == 1
    states = {name: it.state for name, it in (await two.state()).instances.items()}
    assert (states["C"], states["D"]) == ("running", "running")
    await close(one, two)


async def test_whoever_claims_in_company_and_is_alone_is_not_kept_waiting(path: Path) -> None:
    (run,) = drivers(path, 1)
    await run.begin("A -> B -> C")
    await run.claim("A")
    for name, nonce in ("A1", "B2"):
        committed = await asyncio.wait_for(commit_in_company(run, name, nonce), 10)
        run.nonces[committed.claims[0].instance] = nonce
    await close(run)


async def test_all_of_a_company_are_told_that_their_group_cannot_be_written(path: Path) -> None:
    (run,) = drivers(path, 1)
    await run.begin("A -> C; B -> D")
    await run.claim("A")
    await run.claim("B")
    commits = [commit_in_company(run, name, nonce, output="\udc80") for name, nonce in ("A1", "B2")]
    for told in await asyncio.gather(*commits, return_exceptions=True):
        assert isinstance(told, BackendError)
    await run.store.close()
    (heir,) = drivers(path, 1)
    assert await heir.states() == {"A": "running", "B": "running"}
    await close(heir)


async def test_whoever_is_interrupted_before_the_group_is_written_hands_its_claims_back(path: Path) -> None:
    (one,) = drivers(path, 1)
    await one.begin("A -> B")
    await one.claim("A")
    commit = asyncio.create_task(commit_in_company(one, "A", "1"))
    await asyncio.sleep(0)
    commit.cancel()
    with pytest.raises(asyncio.CancelledError):
        await commit
    assert await one.states() == {"A": "completed", "B": "ready"}
    await close(one)


async def commit_in_company(run: Driver, name: str, nonce: str, output: Any = 1) -> Committed:
    return await run.commit(name, Completed(output), places=1, nonces=iter([nonce]), in_company=True)


def commits_of(store: CoordinationStore) -> list[str]:
    """Grows with each transaction that is written to the file."""
    assert isinstance(store, SqliteStore)
    written: list[str] = []
    store._db.set_trace_callback(lambda text: written.append(text) if text == "COMMIT" else None)
    return written


# ---- what is read --------------------------------------------------------------------------------------------


async def test_whoever_follows_a_run_reads_only_what_is_new(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, follower = drivers(path)
    await run.begin("; ".join(f"A -> B{number}" for number in range(50)))
    await run.complete("A")
    for number in range(50):
        await run.complete(f"B{number}")
        await run.store.flush()
    every = await follower.store.events(run.run_id)
    rows, loads = [], json.loads
    monkeypatch.setattr(json, "loads", lambda text: rows.append(text) or loads(text))
    for after in (0, 1, 7, len(every) - 1, len(every), len(every) + 9):
        assert await follower.store.events(run.run_id, after) == every[after:]
    rows.clear()
    assert len(await follower.store.events(run.run_id, len(every) - 1)) == 1
    assert len(rows) == 1
    await close(run, follower)


# ---- memory --------------------------------------------------------------------------------------------------


async def test_runs_that_have_ended_leave_memory_however_they_came_there(path: Path) -> None:
    names = [f"run-{number}" for number in range(12)]
    items = {"items": list(range(3_000))}
    one = SqliteStore(path)
    async with FlowRuntime(registry=NodeRegistry([nothing]), store=one) as runtime:
        for name in names:
            await runtime.run(batch(), items, run_id=name)
        assert in_memory(names) < 5
        for name in names:
            assert (await runtime.show(name)).status == "completed"
            assert await one.events(name)
        assert in_memory(names) < 5
        # What has left memory can be begun again like anything else.
        again = await runtime.rerun(names[0], "each")
        assert again.status == "completed"


@node("nothing")
async def nothing(ctx: NodeContext) -> None:
    return None


def in_memory(names: list[str]) -> int:
    """Whatever would need the garbage collector to go, a worker keeps for long."""
    return sum(isinstance(it, RunState) and it.run_id in names for it in gc.get_objects())


async def test_a_history_that_others_bring_in_the_same_moment_is_there_once(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ManualClock()
    source = Driver(SqliteStore(tmp_path / "source.db", clock), clock)
    await source.begin("A")
    await source.complete("A")
    plan, _ = await source.store.snapshot("run")
    whole = await source.store.events("run")
    one, two = drivers(path)
    exists = one.store.exists

    async def overtaken(run_id: str) -> bool:
        found = await exists(run_id)
        if not found:
            await two.store.restore(plan, run_id, whole)
        return found

    monkeypatch.setattr(one.store, "exists", overtaken)
    assert await one.store.restore(plan, "run", whole) == 0
    assert len(await one.store.events("run")) == len(await two.store.events("run")) == len(whole)
    assert await two.status() == "completed"
    await close(source, one, two)


async def test_a_run_that_others_have_ended_and_retired_is_gone(path: Path) -> None:
    one, two = drivers(path)
    await one.begin("A")
    await one.store.flush()
    await two.state()
    await one.complete("A")
    await one.store.retire("run")
    with pytest.raises(NotFoundError):
        await two.store.events("run")
    with pytest.raises(NotFoundError):
        await two.store.read_logs("run")  # type: ignore[attr-defined]  # a store of logs, too
    await close(one, two)


async def test_a_run_is_not_taken_for_the_next_one_in_the_place_of_a_retired_one(path: Path) -> None:
    one, two = drivers(path)
    await one.begin("A")
    await one.store.flush()
    await two.state()
    await one.complete("A")
    await one.store.retire("run")
    other = Driver(one.store, one.clock, "other")
    await other.begin("X -> Y -> Z")
    await other.complete("X")
    await other.complete("Y")
    await one.store.flush()
    assert await two.store.refresh() == ["run"]
    with pytest.raises(NotFoundError):
        await two.state()
    assert await two.store.exists("other")
    await close(one, two)


async def test_a_step_that_breaks_off_takes_nothing_back_that_was_done_before(path: Path) -> None:
    def broken(transition: Transition) -> None:
        transition.pause()
        raise RuntimeError("a bug")

    (one,) = drivers(path, 1)
    await one.begin("A; B")
    await one.complete("A")
    with pytest.raises(RuntimeError, match="a bug"):
        one.store._step("run", broken)  # type: ignore[attr-defined]  # there is no such verb
    await one.complete("B")
    assert await one.status() == "completed"
    await close(one)


async def test_whoever_is_known_by_another_name_of_the_file_is_alive(path: Path) -> None:
    store = SqliteStore(path)
    link = path.with_name("link.db")
    link.symlink_to(path)
    other = SqliteStore(link)
    assert not await other.owner_is_dead(store.claimant())
    await store.write_logs([])
    await other.write_logs([])  # and it is waited for: they are siblings
    await other.close()
    await store.close()


async def test_a_store_that_cannot_be_opened_is_nobodys_sibling(path: Path) -> None:
    store = SqliteStore(path)
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA user_version = 99")
    with pytest.raises(BackendError) as kept:
        SqliteStore(path)
    await store.write_logs([])
    assert "newer" in kept.value.message
    await store.close()


async def test_stores_that_threads_have_opened_let_each_other_write(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "BUSY_TIMEOUT_S", 1.0)
    store = SqliteStore(path)
    other = await asyncio.to_thread(SqliteStore, path)
    await store.write_logs([])
    await other.write_logs([])
    await other.close()
    await store.close()
