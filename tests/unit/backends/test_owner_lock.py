"""Who lives, whatever other processes do at the same moment: real processes, real locks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from flowcraft_engine.backends.sqlite.owner_lock import OwnerLocks

CHURN = """
import sys
from pathlib import Path
from flowcraft_engine.backends.sqlite.owner_lock import OwnerLocks

for number in range(2000):
    locks = OwnerLocks(Path(sys.argv[1]))
    locks.hold(f"{sys.argv[2]}-{number}")
    locks.release()
"""

FORKS = """
import os, sys, time
from pathlib import Path
from flowcraft_engine.backends.sqlite.owner_lock import OwnerLocks

locks = OwnerLocks(Path(sys.argv[1]))
locks.hold("parent")
child = os.fork()
if not child:
    assert not OwnerLocks(Path(sys.argv[1])).is_dead("parent")
    locks.release()
    print(os.getpid(), flush=True)
time.sleep(60)
"""


def begin(script: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_a_process_begins_while_another_removes_the_empty_folder(tmp_path: Path) -> None:
    processes = [begin(CHURN, tmp_path / "owners", name) for name in "abc"]
    for process in processes:
        process.communicate(timeout=60)
    assert [process.returncode for process in processes] == [0, 0, 0]


def test_a_process_is_dead_though_a_child_that_it_has_forked_lives(tmp_path: Path) -> None:
    locks = OwnerLocks(tmp_path)
    process = begin(FORKS, tmp_path)
    assert process.stdout is not None
    child = int(process.stdout.readline())
    try:
        assert not locks.is_dead("parent")
        process.kill()
        process.wait()
        assert locks.is_dead("parent")
    finally:
        os.kill(child, signal.SIGKILL)
        process.stdout.close()


def test_two_who_ask_at_the_same_moment_are_told_the_same(tmp_path: Path) -> None:
    import fcntl

    (tmp_path / "dead.lock").touch()
    with (tmp_path / "dead.lock").open("rb") as asked:
        fcntl.flock(asked, fcntl.LOCK_SH)  # as the other one does
        assert OwnerLocks(tmp_path).is_dead("dead")
