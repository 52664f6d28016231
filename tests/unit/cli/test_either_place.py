"""Commands about a run while `flowcraft dev` runs and nobody has said where runs are; and Redis that is away."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from flowcraft_engine.backends.redis import link
from flowcraft_engine.backends.redis.embedded import EmbeddedRedis
from tests.unit.cli.conftest import write

DATA = Path(".flowcraft") / "redis"


@pytest.fixture
def dev(flowcraft) -> Iterator[EmbeddedRedis]:
    """The server of `flowcraft dev` without its worker: runs in it stay where they are."""
    write("flow.yaml", "nodes: [{id: a, uses: noop}]\n")
    assert flowcraft("run", "flow.yaml", "--run-id", "here", "-q").code == 0
    with EmbeddedRedis.start(DATA, persistent=True, password="secret") as server:
        assert flowcraft("run", "flow.yaml", "--distributed", "--detach", "--run-id", "there").code == 0
        yield server


def test_a_run_is_found_where_it_is_and_that_is_said(flowcraft, dev):
    done = flowcraft("show", "there", "--json")
    assert (done.code, done.json["run_id"], done.json["status"]) == (0, "there", "blocked")
    assert "run there is in the Redis of flowcraft dev" in done.err
    done = flowcraft("show", "h", "--json")
    assert (done.code, done.json["run_id"], done.err) == (0, "here", "")
    done = flowcraft("cancel", "there", "--json")
    assert (done.code, done.json["status"]) == (0, "cancelled")
    assert flowcraft("show", "@latest", "--json").json["run_id"] == "there"


def test_a_run_that_is_in_both_is_refused_until_its_place_is_named(flowcraft, dev):
    assert flowcraft("run", "flow.yaml", "--distributed", "--detach", "--run-id", "here").code == 0
    done = flowcraft("show", "here")
    assert done.code == 2
    assert "--backend sqlite or --backend redis says which" in done.err
    assert flowcraft("show", "here", "--backend", "sqlite", "--json").json["status"] == "completed"
    assert flowcraft("show", "here", "--backend", "redis", "--json").json["status"] == "blocked"
    assert flowcraft("run", "flow.yaml", "--run-id", "there-too", "-q").code == 0
    assert flowcraft("show", "there", "--json").json["run_id"] == "there", "a whole id comes first"
    done = flowcraft("show", "there-")
    assert done.code == 0
    assert flowcraft("show", "ther").code == 2


def test_a_run_that_is_nowhere_and_runs_that_are_not_listed(flowcraft, dev):
    done = flowcraft("show", "nobody")
    assert done.code == 7
    assert "neither in the state file nor in the Redis of flowcraft dev" in done.err
    done = flowcraft("list")
    assert "here" in done.out and "there" not in done.out
    assert "flowcraft list --backend redis lists its runs" in done.err


def test_a_run_of_dev_is_found_by_its_id_although_the_state_file_is_damaged(flowcraft, dev):
    for name in ("state.db", "state.db-wal", "state.db-shm"):
        Path(".flowcraft", name).unlink(missing_ok=True)
    Path(".flowcraft", "state.db").write_bytes(b"no database at all" * 100)
    assert flowcraft("show", "there", "--json").json["status"] == "blocked"
    for text in ("ther", "@latest", "nobody"):
        done = flowcraft("show", text)
        assert done.code == 9
        assert "not a database" in done.err and "--backend redis looks in the Redis" in done.err
    assert flowcraft("cancel", "there", "--json").json["status"] == "cancelled"


def test_a_place_that_was_named_is_the_only_one(flowcraft, dev):
    assert flowcraft("show", "there", "--state", ".flowcraft/state.db").code == 7
    assert flowcraft("show", "there", "--backend", "sqlite").code == 7


@pytest.mark.parametrize("command", [["list"], ["show", "r1"], ["logs", "r1"], ["workers"]])
def test_a_command_that_only_looks_does_not_wait_for_a_redis_that_is_away(flowcraft, monkeypatch, command):
    pauses: list[float] = []
    real_sleep = asyncio.sleep

    async def sleep(pause_s: float) -> None:
        pauses.append(pause_s)
        await real_sleep(pause_s)

    ours = SimpleNamespace(sleep=sleep, get_running_loop=asyncio.get_running_loop, gather=asyncio.gather)
    monkeypatch.setattr(link, "asyncio", ours)
    done = flowcraft(*command, "--redis-url", "redis://127.0.0.1:1")
    assert done.code == 9
    assert "refused the connection" in done.err and "`flowcraft dev` starts one" in done.err
    assert max(pauses) <= 0.2, "the pauses grow with the patience"


def test_a_run_that_is_not_found_may_be_one_of_dev_which_has_ended(flowcraft, dev):
    dev.stop()
    done = flowcraft("show", "there")
    assert done.code == 7
    assert "runs of flowcraft dev are found while that runs" in done.err


def test_also_where_no_run_was_ever_kept_in_a_state_file(flowcraft, dev):
    dev.stop()
    for kept in Path(".flowcraft").glob("state.db*"):
        kept.unlink()
    for command in ("show", "logs", "resume", "cancel"):
        done = flowcraft(command, "there")
        assert done.code == 7
        assert "runs of flowcraft dev are found while that runs" in done.err


def test_after_the_end_of_dev_its_server_is_told_to_be_started_again(flowcraft, monkeypatch, dev):
    dev.kill()
    monkeypatch.setattr("flowcraft_engine.assembly.servers._DEFAULT_REDIS_URL", "redis://127.0.0.1:1")
    done = flowcraft("list", "--backend", "redis")
    assert done.code == 9
    assert "start `flowcraft dev` again" in done.err
