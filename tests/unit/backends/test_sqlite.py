"""What is particular to the state file: other processes, dead owners, files that cannot be used."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from flowcraft_engine import BackendError
from flowcraft_engine.backends.sqlite import SqliteStore
from flowcraft_engine.clock import ManualClock
from flowcraft_engine.kernel.commands import Completed
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


async def test_a_file_of_a_newer_version_is_refused(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    with pytest.raises(BackendError, match="newer"):
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
    await one.begin("A -> J; B -> J; C -> J; D -> J")
    await one.claim("A")
    await one.claim("B")
    nonces = iter("12")
    commits = [
        asyncio.create_task(one.commit(name, Completed(1), places=1, nonces=nonces, others=iter([other])))
        for name, other in ("AC", "BD")
    ]
    await asyncio.sleep(0)
    assert not any(commit.done() for commit in commits)
    committed = await asyncio.gather(*commits)
    assert [claim.instance for it in committed for claim in it.claims] == ["C", "D"]
    states = {name: it.state for name, it in (await two.state()).instances.items()}
    assert (states["C"], states["D"]) == ("running", "running")
    await close(one, two)


async def test_whoever_is_interrupted_before_the_group_is_written_hands_its_claims_back(path: Path) -> None:
    (one,) = drivers(path, 1)
    await one.begin("A -> J; B -> J")
    await one.claim("A")
    commit = asyncio.create_task(one.commit("A", Completed(1), places=1, nonces=iter("1"), others=iter("B")))
    await asyncio.sleep(0)
    commit.cancel()
    with pytest.raises(asyncio.CancelledError):
        await commit
    assert await one.states() == {"A": "completed", "B": "ready", "J": "pending"}
    await close(one)
