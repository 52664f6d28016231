"""Real `flowcraft worker` processes for tests: started, watched, ended and killed by their number."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.acceptance.command import Command, Outcome

_PATIENCE_S = 60.0


def until(what: Callable[[], Any], timeout_s: float = _PATIENCE_S) -> Any:
    """What `what` returns, as soon as it is true."""
    deadline = time.monotonic() + timeout_s
    while not (found := what()):
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.05)
    return found


@dataclass
class Worker:
    """One `flowcraft worker`: its supervisor is `process`, what it says stands in `log`."""

    process: subprocess.Popen[str]
    log: Path

    @property
    def said(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def wait_until_ready(self, count: int = 1) -> Worker:
        until(lambda: self.said.count("is ready") >= count or self.process.poll() is not None)
        assert self.process.poll() is None, self.said
        return self

    def terminate(self, timeout_s: float = _PATIENCE_S) -> int:
        """SIGTERM; the exit code."""
        self.process.terminate()
        return self.process.wait(timeout_s)

    def end(self) -> None:
        """Whatever it does: it is gone afterwards, with all of its processes."""
        if self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(5)
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(_PATIENCE_S)


@dataclass
class FleetOfTest:
    """The command, told to use the test's Redis, and the workers of the test."""

    folder: Path
    url: str
    workers: list[Worker] = field(default_factory=list)

    @property
    def command(self) -> Command:
        return Command(self.folder, {"FLOWCRAFT_BACKEND": "redis", "FLOWCRAFT_REDIS_URL": self.url})

    def __call__(self, *arguments: str, **env: str) -> Outcome:
        return self.command(*arguments, **env)

    def write(self, name: str, text: str) -> str:
        return self.command.write(name, text)

    def begin(self, *arguments: str, **env: str) -> subprocess.Popen[str]:
        return self.command.begin(*arguments, **env)

    def start_worker(self, *arguments: str, **env: str) -> Worker:
        """A worker that has begun to start."""
        log = self.folder / f"worker-{len(self.workers)}.log"
        with log.open("w") as stderr:
            process = subprocess.Popen(
                self.command.line("worker", *arguments),
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr, text=True,
                cwd=self.folder, env=self.command.environment(**env),
            )  # fmt: skip
        self.workers.append(Worker(process, log))
        return self.workers[-1]

    def worker(self, *arguments: str, **env: str) -> Worker:
        """A worker that is ready."""
        return self.start_worker(*arguments, **env).wait_until_ready()

    def members(self) -> list[dict[str, Any]]:
        """What `flowcraft workers` lists of those that are alive."""
        return [it for it in self("workers", "--json").json["workers"] if it["alive"]]

    def kill_process(self, member: dict[str, Any]) -> None:
        """SIGKILL to a worker process and to what it has started."""
        os.killpg(member["pid"], signal.SIGKILL)

    def end(self) -> None:
        for worker in self.workers:
            worker.end()
