"""Commands end with the process that runs them, even if that is killed; and only those that still run."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from flowcraft_engine.nodes.builtin.orphan_guard import OrphanGuard

pytestmark = pytest.mark.skipif(not hasattr(os, "posix_spawn"), reason="there is no such guard")

#: Starts three groups, takes the second one back, tells their ids and waits to be killed.
OWNER = """
import subprocess, sys, time
from flowcraft_engine.nodes.builtin.orphan_guard import OrphanGuard

guard = OrphanGuard()
script = "trap '' TERM; sleep 300 & sleep 300"
started = [subprocess.Popen(["sh", "-c", script], start_new_session=True) for _ in range(3)]
watches = [guard.watching(one.pid) for one in started]
for watch in watches:
    watch.__enter__()
watches[1].__exit__(None, None, None)
print(*[one.pid for one in started], flush=True)
time.sleep(300)
"""


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def members(group: int) -> int:
    """How many living processes a group has."""
    count = 0
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, found = entry.read_text(errors="replace").rpartition(")")[2].split()[:3]
        except OSError:
            continue
        count += int(found) == group and state not in "ZX"
    return count


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="groups cannot be looked at")
def test_a_killed_process_takes_the_groups_along_that_it_still_watches() -> None:
    owner = subprocess.Popen([sys.executable, "-c", OWNER], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    first, taken_back, third = map(int, owner.stdout.readline().split())
    try:
        until(lambda: all(members(group) == 3 for group in (first, taken_back, third)))
        owner.kill()
        owner.wait()
        until(lambda: members(first) == members(third) == 0)
        assert members(taken_back) == 3
    finally:
        os.killpg(taken_back, signal.SIGKILL)
        owner.stdout.close()


def test_a_guard_that_was_killed_is_replaced_for_the_next_command() -> None:
    guard = OrphanGuard()
    with guard.watching(2**22 + 1):
        first = guard._pipe
        assert first is not None
    os.close(first)  # as if it had gone away
    reading, broken = os.pipe()
    os.close(reading)
    guard._pipe = broken
    with guard.watching(2**22 + 1):
        assert guard._pipe is None, "nobody is told, and nothing is raised"
    with guard.watching(2**22 + 1):
        assert guard._pipe is not None
    os.close(guard._pipe)


def test_without_the_system_call_commands_run_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "posix_spawn")
    guard = OrphanGuard()
    with guard.watching(1):
        assert guard._pipe is None
