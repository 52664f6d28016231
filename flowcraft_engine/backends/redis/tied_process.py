"""A child process that does not outlive us. On Linux the kernel sees to it; elsewhere only an orderly exit does."""

from __future__ import annotations

import atexit
import os
import queue
import signal
import subprocess
import sys
import threading
from pathlib import Path

from flowcraft_engine.backends.redis import tether

#: How long the process may take to end in order.
_STOP_S = 10.0


class TiedProcess:
    """A program in a session of its own: Ctrl-C in the terminal does not reach it.

    The kernel watches the thread that started a process, not the whole parent: a thread of its own does it here,
    and lives for as long as the process.
    """

    def __init__(
        self, command: list[str], *, stdin: str, log: Path, ending: signal.Signals, descriptor: int
    ) -> None:
        """`log` takes stdout and stderr; `ending` is the signal when we die; `descriptor` is inherited."""
        tether_file = str(Path(tether.__file__))
        self._command = [
            *(sys.executable, "-I", "-S", tether_file, str(int(ending)), str(os.getpid())),
            *command,
        ]
        self._stdin = stdin
        self._log = log
        self._descriptor = descriptor
        self._ended = threading.Event()
        self._started: queue.SimpleQueue[subprocess.Popen[bytes] | OSError] = queue.SimpleQueue()
        threading.Thread(target=self._keep, name="flowcraft-embedded-server", daemon=True).start()
        started = self._started.get()
        if isinstance(started, OSError):
            raise started
        self._process = started
        if sys.platform != "linux":
            atexit.register(self.end)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return not self._ended.is_set()

    def end(self, signal_number: signal.Signals = signal.SIGTERM) -> None:
        """Send the signal, and wait for the end; SIGKILL for one that does not end in time."""
        self._process.send_signal(signal_number)
        if not self._ended.wait(_STOP_S):
            self._process.kill()
            self._ended.wait()
        atexit.unregister(self.end)

    def _keep(self) -> None:
        try:
            process = self._start()
        except OSError as error:
            self._ended.set()
            self._started.put(error)
            return
        self._started.put(process)
        process.wait()
        self._ended.set()

    def _start(self) -> subprocess.Popen[bytes]:
        with os.fdopen(os.open(self._log, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "wb") as log:
            process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=[self._descriptor],
            )
        assert process.stdin is not None
        try:
            with process.stdin as pipe:
                pipe.write(self._stdin.encode())
        except BrokenPipeError:
            pass  # it has ended already: whoever waits for its answer reads the log
        return process
