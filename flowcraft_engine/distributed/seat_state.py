"""One place for a worker, as the supervisor sees it: the process in it, and when the next one is due."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from multiprocessing import get_context, resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Final

from flowcraft_engine.distributed.leftovers import end_leftovers
from flowcraft_engine.distributed.seat import SeatTicket
from flowcraft_engine.distributed.worker_process import BLOCKED, FAILED, READY, Target, main

#: A worker that dies before it was ready, or within this time after, has not got going.
_EARLY_S: Final = 1.0
#: So many such deaths in a row are a crash loop.
CRASH_LOOP: Final = 3
#: What a process has that shall end at once.
HURRY_S: Final = 2.0
_FIRST_PAUSE_S: Final = 0.1
_LOOP_PAUSE_S: Final = 5.0
_LONGEST_PAUSE_S: Final = 30.0


class SeatState:
    """A place is empty (waiting for `due`), or taken by a process that runs, or that was asked to end."""

    def __init__(self, index: int, target: Target, grace_s: float) -> None:
        self.index = index
        self._target = target
        self._grace_s = grace_s
        self.name = ""
        self.process: SpawnProcess | None = None
        self.line: Connection | None = None
        self.due = 0.0
        #: When a process that was asked to end is killed.
        self.kill_at: float | None = None
        self.is_ready = False
        self.early_deaths = 0
        self.last_error = ""
        self._ready_at = 0.0

    def start(self) -> None:
        """Raises `OSError` if the system gives no process."""
        self.is_ready = False
        context = get_context("spawn")
        # Only a process that was started has a name.
        ticket = SeatTicket.new(self.index, self._grace_s, is_first=not self.name)
        line, theirs = context.Pipe()
        process = context.Process(
            target=main, args=(self._target, ticket, theirs), name=f"flowcraft-{self.index}"
        )
        # Started first, since it would unblock the signals that are blocked now.
        resource_tracker.ensure_running()
        blocked = signal.pthread_sigmask(signal.SIG_BLOCK, BLOCKED)
        try:
            process.start()
        except OSError:
            line.close()
            raise
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, blocked)
            theirs.close()
        self.process, self.line, self.name = process, line, ticket.name
        self.kill_at, self.last_error = None, ""

    def listen(self) -> None:
        """Take what the process says."""
        assert self.line is not None
        try:
            words: str = self.line.recv()
        except (EOFError, OSError):
            self.line.close()
            self.line = None
            return
        if words == READY:
            self.is_ready, self._ready_at = True, time.monotonic()
        elif words.startswith(FAILED):
            self.last_error = words.removeprefix(FAILED).strip()

    def ask_to_end(self) -> None:
        """The process has its grace from now on."""
        if self.process is not None and self.kill_at is None:
            self.process.terminate()
            self.kill_at = time.monotonic() + self._grace_s

    def hurry(self) -> None:
        """The process that was asked to end has a moment left, to hand back what it executes."""
        if self.process is not None:
            assert self.process.pid is not None
            # Not another SIGTERM: two of them may become one.
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid, signal.SIGUSR1)
            self.kill_at = min(self.kill_at or float("inf"), time.monotonic() + HURRY_S)

    def is_dead(self) -> bool:
        """Whether the process has ended, without taking leave of it: until then nobody else gets its number."""
        assert self.process is not None
        if not hasattr(os, "waitid"):  # macOS before Python 3.13
            return not self.process.is_alive()
        assert self.process.pid is not None
        try:
            return os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:  # somebody was faster
            return True

    def kill(self) -> None:
        """End the process and all that it has started and left in its group."""
        assert self.process is not None
        assert self.process.pid is not None
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()  # it may not yet have a group of its own

    def bury(self) -> int:
        """Clear the place of a dead process. Returns its exit code, or minus the signal that ended it."""
        assert self.process is not None
        while self.line is not None and self.line.poll():
            self.listen()
        self.kill()  # its group, that is: the process itself is dead
        end_leftovers(self.name)
        self.process.join()
        code = self.process.exitcode
        assert code is not None
        self.process.close()
        if self.line is not None:
            self.line.close()
        self.process, self.line = None, None
        return code

    def plan_next(self) -> None:
        """When the next process starts: the sooner, the longer the last one has lived."""
        early = not self.is_ready or time.monotonic() - self._ready_at < _EARLY_S
        self.is_ready = False
        self.early_deaths = self.early_deaths + 1 if early else 0
        self.due = time.monotonic() + self.pause_s

    @property
    def pause_s(self) -> float:
        if self.early_deaths < CRASH_LOOP:
            return _FIRST_PAUSE_S * self.early_deaths
        return min(_LONGEST_PAUSE_S, _LOOP_PAUSE_S * 2.0 ** min(self.early_deaths - CRASH_LOOP, 10))
