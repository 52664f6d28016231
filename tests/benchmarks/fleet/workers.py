"""The worker processes of one measurement, as whoever measures holds them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

from tests.benchmarks.fleet.worker import READY
from tests.benchmarks.processes import ROOT

_END_S = 20.0


class Worker:
    """Connected when it is made, at work after `go`."""

    def __init__(self, url: str, *options: str, variables: Mapping[str, str] | None = None) -> None:
        command = [sys.executable, "-m", "tests.benchmarks.fleet.worker", url, *options]
        self._process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **(variables or {})},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            # A group of its own, as the workers of the supervisor: Ctrl-C is for whoever measures.
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_until_ready(self) -> None:
        answer = self._read()
        assert answer == READY, answer

    def go(self) -> None:
        """Take jobs from now on; returns when it does."""
        self.begin_to_go()
        self.wait_until_ready()

    def begin_to_go(self) -> None:
        """Take jobs soon; `wait_until_ready` returns when it does."""
        self._say("go")

    def stamps(self) -> list[float]:
        """The moments that its nodes have noted since the last time; on the clock of `time.monotonic`."""
        return [moment for moment, _ in self.notes()]

    def notes(self) -> list[tuple[float, float]]:
        """The same, each with the processor time in seconds that the worker had taken by then."""
        return sorted((moment, taken) for moment, taken in json.loads(self._ask("stamps")))

    def sweep_us(self) -> float:
        """What one sweep takes."""
        return float(self._ask("sweeps"))

    def profile(self) -> str:
        """What took the time since `go`. It must have been made with `--profile`."""
        return str(json.loads(self._ask("profile")))

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()

    def end(self) -> None:
        """Let it end in order; kill it if it does not."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(_END_S)
        except subprocess.TimeoutExpired:
            self.kill()
        self._process.stdout.close()

    def _ask(self, word: str) -> str:
        self._say(word)
        return self._read()

    def _say(self, word: str) -> None:
        assert self._process.stdin is not None
        print(word, file=self._process.stdin, flush=True)

    def _read(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"a worker ended with {self._process.wait()} while it was measured")
        return line.strip()


@contextmanager
def workers(
    count: int, url: str, *options: str, variables: Mapping[str, str] | None = None, go: bool = False
) -> Iterator[list[Worker]]:
    """Connected workers; with `go` they work already."""
    with ExitStack() as stack:
        started = [Worker(url, *options, variables=variables) for _ in range(count)]
        for worker in started:
            stack.callback(worker.end)
        for worker in started:
            worker.wait_until_ready()
            if go:
                worker.go()
        yield started
