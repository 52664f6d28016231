"""Threads that get in each other's way as often as Python can make them."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable

_THREADS = 4


def in_threads(work: Callable[[], None]) -> int:
    """Do the work in several threads at once; in how many, when all have ended."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=work) for _ in range(_THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(before)
    return _THREADS
