"""Ties a process of a storm to the one that runs the storm: it dies with it, whatever kills that, also while frozen."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
import threading
from multiprocessing import forkserver
from typing import Any

_PR_SET_PDEATHSIG = 1


def tie_to_storm() -> None:
    """For a process that the server of processes has just forked, and that starts none itself."""
    # The server ends when nobody holds this any more: neither the storm, nor those that it has forked.
    server: Any = forkserver._forkserver  # type: ignore[attr-defined]  # as multiprocessing itself hands it on
    os.close(server._forkserver_alive_fd)
    if sys.platform == "linux":
        # By the kernel, for who is frozen cannot look after itself.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    threading.Thread(target=_end_with_storm, name="end with the storm", daemon=True).start()


def _end_with_storm() -> None:
    storm = multiprocessing.parent_process()
    assert storm is not None
    storm.join()
    os._exit(1)
