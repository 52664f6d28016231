"""Whole processes, timed from outside, in an environment without settings of flowcraft."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from time import perf_counter

ROOT = Path(__file__).parents[2]


def flowcraft() -> str:
    """The console script of this environment."""
    script = Path(sysconfig.get_path("scripts")) / "flowcraft"
    if not script.is_file():
        raise FileNotFoundError(f"{script} is not there: install this project into the environment first")
    return str(script)


def timed(command: Sequence[str], folder: Path) -> Callable[[], float]:
    """A measure: seconds of the process. It is run once now, so that its modules are compiled."""
    _seconds(command, folder)
    return partial(_seconds, command, folder)


def output_of(command: Sequence[str]) -> str:
    """What a Python of this environment prints; it can import this folder."""
    done = subprocess.run(
        [sys.executable, *command], cwd=ROOT, env=_environment(), capture_output=True, text=True, check=True
    )
    return done.stdout


def keep_on_one_processor(*pids: int) -> None:
    """All threads that these processes have now, where the operating system lets us.

    Left alone it moves processes that talk to each other together, and apart when they are busy for a while: that
    costs a quarter of their time, more than what is to be seen.
    """
    if sys.platform != "linux":
        return
    processor = max(os.sched_getaffinity(0))
    for pid in pids:
        for thread in Path(f"/proc/{pid}/task").iterdir():
            os.sched_setaffinity(int(thread.name), {processor})


def _seconds(command: Sequence[str], folder: Path) -> float:
    begin = perf_counter()
    done = subprocess.run(
        command, cwd=folder, env=_environment(), capture_output=True, text=True, check=False
    )
    taken = perf_counter() - begin
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(command)} ended with {done.returncode}: {done.stderr}")
    return taken


def _environment() -> dict[str, str]:
    dropped = ("FLOWCRAFT_", "PYTHON", "COVERAGE")
    return {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
