"""Two processes and one run: nothing is lost, nothing is done twice, nobody waits for ever."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flowcraft_engine import NotFoundError, RunResult
from tests.integration.neighbour import RUN, blueprint, runtime

ROOT = Path(__file__).parents[2]
_PATIENCE_S = 60.0


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


def start(state: Path, *what: str) -> subprocess.Popen[str]:
    """A process that has imported everything and opened the file."""
    command = [sys.executable, "-m", "tests.integration.neighbour", str(state), *what]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline().startswith("go")
    return process


def ended(process: subprocess.Popen[str]) -> Any:
    with process:
        assert process.stdout is not None
        text = process.stdout.read()
        process.wait(_PATIENCE_S)
        assert process.returncode == 0
        return json.loads(text)


def show(state: Path) -> RunResult:
    async def look() -> RunResult:
        process = runtime(state)
        try:
            return await process.show(RUN)
        finally:
            await process.store.close()

    return asyncio.run(look())


def until(state: Path, holds: Callable[[RunResult], bool]) -> None:
    """Wait for something that another process does; real processes leave nothing but to look again."""
    deadline = time.monotonic() + _PATIENCE_S
    while time.monotonic() < deadline:
        with contextlib.suppress(NotFoundError):  # the run is not there yet
            if holds(show(state)):
                return
        time.sleep(0.02)
    raise AssertionError(f"it never came to that: {show(state)}")


def is_in(node: str, wanted: str) -> Callable[[RunResult], bool]:
    return lambda result: result.nodes[node].state == wanted


def test_a_run_is_cancelled_from_next_door(state: Path) -> None:
    busy = start(state, "run", "slow")
    until(state, lambda it: is_in("B", "completed")(it) and is_in("C", "running")(it))
    assert ended(start(state, "cancel"))["status"] == "cancelled"
    found = ended(busy)
    assert found["status"] == "cancelled"
    assert found["nodes"]["C"][0] == "cancelled"


def test_an_answer_from_next_door_moves_the_run_on(state: Path) -> None:
    busy = start(state, "run", "wait")
    until(state, is_in("W", "waiting"))
    ended(start(state, "answer", "W", '{"ok": true}'))
    until(state, is_in("E", "completed"))
    assert show(state).nodes["W"].output == {"ok": True}
    ended(start(state, "cancel"))
    assert ended(busy)["status"] == "cancelled"


def test_two_processes_share_the_work_of_one_run(state: Path) -> None:
    async def begin() -> None:
        process = runtime(state)
        await process.start(blueprint("wide", state.parent), run_id=RUN)
        await process.store.close()

    asyncio.run(begin())
    both = [start(state, "proceed"), start(state, "proceed")]
    found = [ended(process) for process in both]
    assert [it["status"] for it in found] == ["completed", "completed"]
    assert found[0]["context"] == found[1]["context"] == {"n": 42}
    done = (state.parent / "ledger").read_text().split()
    assert sorted(done) == sorted(set(done)), "somebody worked twice"
    assert all(attempts == 1 for _, attempts in found[0]["nodes"].values())


def test_a_process_takes_over_when_its_neighbour_is_killed(state: Path) -> None:
    busy = start(state, "run", "slow")
    until(state, is_in("C", "running"))
    watching = start(state, "proceed")
    time.sleep(0.3)
    with busy:
        busy.kill()
    until(state, lambda it: it.nodes["C"].state == "running" and not _is_orphaned(state))
    ended(start(state, "cancel"))
    assert ended(watching)["status"] == "cancelled"


def _is_orphaned(state: Path) -> bool:
    """Whether what runs was claimed by somebody who is dead."""

    async def look() -> bool:
        store = runtime(state).store
        _, run = await store.snapshot(RUN)
        owners = {it.owner for it in run.instances.values() if it.state == "running"}
        dead = [await store.owner_is_dead(str(owner)) for owner in owners]
        await store.close()
        return any(dead)

    return asyncio.run(look())


def test_an_interrupted_shell_node_ends_its_child_and_runs_again_later(state: Path) -> None:
    script = state.parent / "work.sh"
    script.write_text("#!/bin/sh\n[ -f pid ] && exit 0\necho $$ > pid\nexec sleep 60\n")
    script.chmod(0o700)
    busy = start(state, "run", "shell")
    pid_file = state.parent / "pid"
    deadline = time.monotonic() + _PATIENCE_S
    while not (pid_file.exists() and pid_file.read_text().strip()):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    with busy:
        busy.send_signal(signal.SIGINT)
        busy.wait(_PATIENCE_S)
    pid = int(pid_file.read_text())
    assert (
        not Path(f"/proc/{pid}/cmdline").exists() or b"sleep" not in Path(f"/proc/{pid}/cmdline").read_bytes()
    )
    assert show(state).nodes["A"].state == "ready"
    found = ended(start(state, "proceed"))
    assert found["status"] == "completed"
    assert found["nodes"]["A"] == ["completed", 1], "no attempt was consumed"
