"""Nothing is left of a storm that was killed."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
#: Begins a crew of three, one of which is frozen, tells their ids and that of their server, and waits to be killed.
STORM = """
import os, pickle, sys, time
from multiprocessing import forkserver
from pathlib import Path
from tests.chaos.crew import Crew
from tests.chaos.worker import Orders

url, folder = sys.argv[1], Path(sys.argv[2])
for name in ("ledger", "logs"):
    (folder / name).mkdir()
(folder / "loads.pickle").write_bytes(pickle.dumps([]))
crew = Crew(Orders(0, 1, url, folder, "", with_message_faults=False), 3, 1, "")
crew.keep_full()
while len(list((folder / "ledger").iterdir())) < 3:
    time.sleep(0.01)
frozen = crew.freeze_one()
while open(f"/proc/{frozen}/stat").read().rpartition(")")[2].split()[0] != "T":
    time.sleep(0.01)
print(forkserver._forkserver._forkserver_pid, *[worker.pid for worker in crew._workers], flush=True)
time.sleep(300)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere who is frozen is left behind")
def test_a_storm_that_is_killed_leaves_no_process_behind(redis_url: str, tmp_path: Path) -> None:
    command = [sys.executable, "-c", STORM, redis_url, str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as storm:
        assert storm.stdout is not None
        pids = list(map(int, storm.stdout.readline().split()))
        assert len(pids) == 4
        assert all(map(_lives, pids))
        storm.kill()
    _until(lambda: not any(map(_lives, pids)))


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


def _until(holds: Callable[[], bool], limit_s: float = 20) -> None:
    deadline = time.monotonic() + limit_s
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)
