"""Commands end with the process that runs them, even if that is killed; and only those that still run."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from flowcraft_engine.nodes.builtin import orphan_guard
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
    deadline = time.monotonic() + 60
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


#: Loses its guard while a group runs, starts another group, tells their ids and waits to be killed.
UNGUARDED = """
import os, signal, subprocess, time
from flowcraft_engine.nodes.builtin import orphan_guard

spawned = []
spawn = os.posix_spawn
os.posix_spawn = lambda *args, **options: spawned.append(spawn(*args, **options))
guard = orphan_guard.OrphanGuard()
started = [subprocess.Popen(["sleep", "300"], start_new_session=True) for _ in range(2)]
watches = [guard.watching(one.pid) for one in started]
watches[0].__enter__()
os.kill(spawned[0], signal.SIGKILL)
os.waitpid(spawned[0], 0)
watches[1].__enter__()
print(*[one.pid for one in started], flush=True)
time.sleep(300)
"""


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="groups cannot be looked at")
def test_a_guard_that_was_killed_is_replaced_by_one_that_knows_as_much() -> None:
    owner = subprocess.Popen([sys.executable, "-c", UNGUARDED], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    groups = list(map(int, owner.stdout.readline().split()))
    owner.stdout.close()
    until(lambda: all(members(group) == 1 for group in groups))
    owner.kill()
    owner.wait()
    until(lambda: not any(map(members, groups)))


#: Is killed when the command has been started, and before the guard knows of it.
TOO_EARLY = """
import asyncio, os, signal, sys, time
from flowcraft_engine.nodes.builtin.orphan_guard import OrphanGuard
from flowcraft_engine.nodes.builtin.process_group import run_command

def too_early(guard, group):
    print(group, flush=True)
    time.sleep(0.3)  # the command would have begun by now
    os.kill(os.getpid(), signal.SIGKILL)

OrphanGuard.watching = too_early
script = "echo begun > begun.txt; sleep 300 & sleep 300"
asyncio.run(run_command(["sh", "-c", script], cwd=sys.argv[1], environment=os.environ, limit=10, on_line=None))
"""


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="groups cannot be looked at")
def test_a_command_that_no_guard_knows_of_yet_has_not_begun(tmp_path: Path) -> None:
    owner = subprocess.run([sys.executable, "-c", TOO_EARLY, tmp_path], stdout=subprocess.PIPE, text=True)
    assert owner.returncode == -signal.SIGKILL
    until(lambda: members(int(owner.stdout)) == 0)
    assert not (tmp_path / "begun.txt").exists()


def test_without_the_system_call_commands_run_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "posix_spawn")
    guard = OrphanGuard()
    with guard.watching(1):
        assert guard._pipe is None


def test_threads_that_begin_at_once_have_one_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    spawned, spawn = list[int](), orphan_guard._spawn
    both = threading.Barrier(2)

    def spawn_together() -> int:
        with contextlib.suppress(threading.BrokenBarrierError):
            both.wait(0.5)
        spawned.append(spawn())
        return spawned[-1]

    monkeypatch.setattr(orphan_guard, "_spawn", spawn_together)
    guard = OrphanGuard()

    def watch(group: int) -> None:
        with guard.watching(group):
            pass

    threads = [threading.Thread(target=watch, args=(2**22 + number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(spawned) == 1
    os.close(spawned[0])


FORKS = """
import os, subprocess, time
from flowcraft_engine.nodes.builtin.orphan_guard import OrphanGuard

guard = OrphanGuard()
command = subprocess.Popen(["sleep", "300"], start_new_session=True)
with guard.watching(command.pid):
    child = os.fork()
    if child:
        print(command.pid, child, flush=True)
    time.sleep(300)
"""


def test_commands_end_with_their_process_though_a_child_that_it_has_forked_lives() -> None:
    process = subprocess.Popen([sys.executable, "-c", FORKS], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    command, child = map(int, process.stdout.readline().split())
    try:
        process.kill()
        process.wait()
        until(lambda: members(command) == 0)
    finally:
        os.kill(child, signal.SIGKILL)
        process.stdout.close()
