"""Finds what a dead worker has started and left, wherever it has gone: commands of nodes have sessions of their own.

They are known by a variable of their environment, which all descendants inherit. Needs `/proc` (Linux); elsewhere
only the worker's own process group is ended.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Final

#: The name of the worker that started a process, in the environment of that process.
MARK: Final = "FLOWCRAFT_WORKER"

#: A process that forks while we look may be missed; so often we look again.
_LOOKS: Final = 5


def end_leftovers(worker: str) -> None:
    """Kill what `worker` has left. It does not show the mark itself: `environ` is as it was at the start."""
    for _ in range(_LOOKS):
        found = list(_marked(f"{MARK}={worker}".encode()))
        if not found:
            return
        for pid in found:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)


def _marked(mark: bytes) -> Iterator[int]:
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            variables = (folder / "environ").read_bytes().split(b"\0")
        except OSError:  # just ended, or of another user
            continue
        if mark in variables:
            yield int(folder.name)
