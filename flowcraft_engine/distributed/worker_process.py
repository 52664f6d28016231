"""What runs in a worker process around its target: signals, the last words, and the end with the parent."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Final

from flowcraft_engine.distributed.leftovers import MARK, end_leftovers
from flowcraft_engine.distributed.seat import SeatTicket, WorkerSeat
from flowcraft_engine.errors import FlowcraftError
from flowcraft_engine.process_end import end_at_once

Target = Callable[[WorkerSeat], None]

#: What the process says to its supervisor: that it is at work, or what ended it.
READY: Final = "ready"
FAILED: Final = "failed"
#: Signals that wait until the process can answer them; the supervisor blocks them before it starts one.
BLOCKED: Final = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})

_log = logging.getLogger("flowcraft.worker")


def main(target: Target, ticket: SeatTicket, line: Connection) -> None:
    """The whole life of a worker process. `line` is open as long as the supervisor lives."""
    # A group of its own: Ctrl-C reaches the supervisor only, and what the worker starts can be ended with it.
    os.setsid()
    os.environ[MARK] = ticket.name
    orphaned = threading.Event()

    def leave() -> None:
        if orphaned.is_set():
            _end_all(seat)
        end_at_once(0)

    seat = WorkerSeat(ticket, lambda: _say(line, READY), leave)
    seat.obey_signals()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, BLOCKED)
    watch = threading.Thread(
        target=_end_with_parent, args=(seat, line, orphaned), name="parent-watch", daemon=True
    )
    watch.start()
    try:
        target(seat)
    except Exception as error:
        _log.debug("The worker ends with an error.", exc_info=True)
        _say(line, f"{FAILED} {_words(error)}")
        sys.exit(1)
    except SystemExit as leaving:
        if leaving.code not in (None, 0):
            _say(line, f"{FAILED} it ended with {leaving.code}")
        raise
    finally:
        if orphaned.is_set():
            _end_all(seat)


def _end_with_parent(seat: WorkerSeat, line: Connection, orphaned: threading.Event) -> None:
    """Nobody sends anything on this line: it ends when the supervisor does, however that dies."""
    with contextlib.suppress(EOFError, OSError):
        line.recv_bytes()
    orphaned.set()
    seat.stop()
    time.sleep(seat.grace_s)
    _end_all(seat)


def _end_all(seat: WorkerSeat) -> None:
    """End this process and what it has started: there is no supervisor any more who would."""
    end_leftovers(seat.name)
    os.killpg(os.getpgrp(), signal.SIGKILL)


def _words(error: Exception) -> str:
    if not isinstance(error, FlowcraftError):
        return f"{type(error).__name__}: {error}"
    return f"{error.message} ({error.hint})" if error.hint else error.message


def _say(line: Connection, words: str) -> None:
    with contextlib.suppress(OSError):  # the supervisor is gone; the other thread sees to that
        line.send(words)
