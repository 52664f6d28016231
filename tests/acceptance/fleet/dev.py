"""A real `flowcraft dev` for tests: a process with a Redis and a worker of its own, in the folder of the test."""

from __future__ import annotations

import os
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

from flowcraft_engine.backends.redis.server_lock import ServerNote, read_note
from tests.acceptance.command import Command
from tests.acceptance.fleet.workers import Worker, until


@dataclass
class Project:
    """A folder in which `flowcraft dev` is started, and commands that find it by themselves."""

    folder: Path
    started: list[Worker] = field(default_factory=list)

    @property
    def command(self) -> Command:
        return Command(self.folder)

    def begin_dev(self, *arguments: str, **env: str) -> Worker:
        log = self.folder / f"dev-{len(self.started)}.log"
        environment = self.command.environment(**env)
        environment.pop("REDIS_URL", None)
        with log.open("w") as stderr:
            process = subprocess.Popen(
                self.command.line("dev", *arguments),
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr, text=True,
                cwd=self.folder, env=environment, start_new_session=True,
            )  # fmt: skip
        self.started.append(Worker(process, log))
        return self.started[-1]

    def dev(self, *arguments: str, **env: str) -> Worker:
        """A `flowcraft dev` whose worker is ready."""
        return self.begin_dev(*arguments, **env).wait_until_ready()

    def interrupt(self, dev: Worker) -> int:
        """Ctrl-C, which a terminal sends to the whole group; the exit code."""
        os.killpg(dev.process.pid, signal.SIGINT)
        return dev.process.wait(60)

    def server_note(self) -> ServerNote:
        note = read_note(self.folder / ".flowcraft" / "redis")
        assert note is not None
        return note

    def end(self) -> None:
        for dev in self.started:
            dev.end()


def descendants(pid: int) -> set[int]:
    """The processes that this one has started, and what they have started."""
    found: set[int] = set()
    listed = subprocess.run(["ps", "-eo", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    parents = {int(child): int(parent) for child, parent in map(str.split, listed.splitlines())}
    fresh = {pid}
    while fresh:
        fresh = {child for child, parent in parents.items() if parent in fresh}
        found |= fresh
    return found


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wait_for_text(path: Path, text: str) -> None:
    until(lambda: path.exists() and text in path.read_text(encoding="utf-8"))
