"""The processes of a storm. Only what was spawned here is ever signalled."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import random
import re
import signal
import threading
import time
from collections import Counter
from dataclasses import replace
from multiprocessing.process import BaseProcess

from flowcraft_engine.failpoints import NAMES
from tests.chaos import worker
from tests.chaos.worker import Orders

_PROCESSES = multiprocessing.get_context("forkserver")
_PROCESSES.set_forkserver_preload(["tests.chaos.worker", "tests.reference.nodes"])
_FAILPOINT = re.compile(r"^failpoint ([a-z.]+): ", re.MULTILINE)
#: What each worker declares, in turn: most can execute everything.
_VERSIONS = (("1.0.0", "2.0.0"), ("1.0.0",), ("2.0.0",))


#: Instead of the exit code of a process that did not end when it was asked to.
DEAF = -99


class Crew:
    """Workers that are replaced when they die. `orders` are those of each of them, but for the serial number."""

    def __init__(self, orders: Orders, size: int, seed: int, failpoints: str) -> None:
        self._orders = orders
        self._size = size
        self._random = random.Random(seed)
        self._failpoints = failpoints
        self._workers: list[BaseProcess] = []
        self._others: list[BaseProcess] = []
        self._frozen: set[int] = set()
        self._serial = 0
        self._lock = threading.RLock()
        #: How many ended by SIGKILL, by failpoint or not; with which code others ended.
        self.killed = 0
        self.exits: Counter[int] = Counter()

    def keep_full(self) -> None:
        """Count the dead, and put others in their place."""
        with self._lock:
            for group in (self._workers, self._others):
                for process in [it for it in group if it.exitcode is not None]:
                    group.remove(process)
                    self._count(process)
            while len(self._workers) < self._size:
                self._workers.append(self._spawn(self._next_orders()))

    def add(self, failpoints: str, versions: tuple[str, ...] = _VERSIONS[0]) -> BaseProcess:
        """One more worker, which is not replaced by `keep_full` before the crew is full."""
        with self._lock:
            orders = replace(self._next_orders(), failpoints=failpoints, versions=versions)
            process = self._spawn(orders)
            self._workers.append(process)
            return process

    def kill_one(self) -> None:
        self._signal(signal.SIGKILL)

    def terminate_one(self) -> None:
        self._signal(signal.SIGTERM)

    def freeze_one(self) -> int:
        """SIGSTOP; the pid, for `thaw`."""
        pid = self._signal(signal.SIGSTOP)
        self._frozen.add(pid)
        return pid

    def thaw(self, pid: int) -> None:
        # One thread at a time may ask how a process has ended: of two, one is told 255.
        with self._lock, contextlib.suppress(ProcessLookupError):
            self._frozen.discard(pid)
            if any(it.pid == pid and it.exitcode is None for it in self._workers):
                os.kill(pid, signal.SIGCONT)

    def start_runs(self, starts: tuple[tuple[str, int], ...], failpoints: str) -> None:
        """A client that starts runs, and dies over it."""
        with self._lock:
            orders = replace(self._next_orders(), starts=starts, failpoints=failpoints)
            self._others.append(self._spawn(orders))

    def calm(self) -> None:
        """Thaw all; from now on nobody has failpoints: armed workers are replaced in order, one after the other."""
        with self._lock:
            for pid in list(self._frozen):
                self.thaw(pid)
            self._failpoints = ""
            self._orders = replace(self._orders, with_message_faults=False)
            old, self._workers = self._workers, []
            self.keep_full()
            self._end(old)

    def stop(self) -> None:
        """End all in order; whoever does not listen is killed."""
        with self._lock:
            self._end([*self._workers, *self._others])
            self._workers, self._others = [], []

    def failpoints_hit(self) -> Counter[str]:
        """At which failpoints processes died."""
        logs = sorted((self._orders.folder / "logs").glob("*.log"))
        return Counter(name for log in logs for name in _FAILPOINT.findall(log.read_text(errors="replace")))

    def _end(self, processes: list[BaseProcess]) -> None:
        for process in processes:
            process.terminate()
            if process.pid is not None and process.exitcode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process.pid, signal.SIGCONT)  # who is frozen hears nothing
        deadline = time.monotonic() + worker.GRACE_S + 12
        for process in processes:
            process.join(max(0.0, deadline - time.monotonic()))
            if process.exitcode is None:
                self.exits[DEAF] += 1
                _ask_why(process)
                process.kill()
                process.join()
            else:
                self._count(process)

    def _count(self, process: BaseProcess) -> None:
        if process.exitcode == -signal.SIGKILL:
            self.killed += 1
        else:
            self.exits[process.exitcode or 0] += 1

    def _signal(self, number: signal.Signals) -> int:
        with self._lock:
            self.keep_full()
            process = self._random.choice(self._workers)
            assert process.pid is not None
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, number)
            return process.pid

    def _next_orders(self) -> Orders:
        self._serial += 1
        return replace(
            self._orders,
            serial=self._serial,
            seed=self._random.getrandbits(32),
            failpoints=self._some_failpoints() if self._failpoints else "",
            versions=_VERSIONS[self._serial % len(_VERSIONS)],
        )

    def _some_failpoints(self) -> str:
        """Death anywhere, and one place for sure: by chance alone the rare ones are hardly met."""
        place, visit = self._random.choice(NAMES), self._random.randint(1, 20)
        return f"{self._failpoints},{place}=kill@{visit},seed={self._random.getrandbits(32)}"

    def _spawn(self, orders: Orders) -> BaseProcess:
        process = _PROCESSES.Process(target=worker.main, args=(orders,), daemon=True)
        process.start()
        return process


def _ask_why(process: BaseProcess) -> None:
    """A process that does not end tells its log what its threads and tasks are busy with."""
    assert process.pid is not None
    for number in (signal.SIGUSR1, signal.SIGUSR2):
        os.kill(process.pid, number)
        time.sleep(0.3)
