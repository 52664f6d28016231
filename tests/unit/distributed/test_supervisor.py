"""A fleet of real processes: killed, drained, replaced, orphaned. Nothing is left behind, ever."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, Queue

import pytest

ROOT = Path(__file__).parents[3]


class Fleet:
    """A running supervisor and what it and its workers have said."""

    def __init__(self, *arguments: object) -> None:
        command = [sys.executable, "-m", "tests.unit.distributed.fleet", *map(str, arguments)]
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        self._lines: Queue[str] = Queue()
        self.pids: set[int] = set()
        self.said: list[str] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.strip())

    def until(self, beginning: str, count: int = 1, patience_s: float = 40) -> list[list[str]]:
        """The next lines that begin so, as words. Others are kept in `said`."""
        found: list[list[str]] = []
        deadline = time.monotonic() + patience_s
        while len(found) < count:
            try:
                line = self._lines.get(timeout=max(0.01, deadline - time.monotonic()))
            except Empty:
                raise AssertionError(f"waited for {beginning!r}; said {self.said}") from None
            self.said.append(line)
            words = line.split()
            if words[0] == "begun":
                self.pids.update(map(int, words[3:]))
            if line.startswith(beginning):
                found.append(words)
        return found

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def close(self) -> str:
        """What was written to stderr."""
        self._reader.join()
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.process.stdout.close()
        with self.process.stderr as errors:
            return errors.read()

    def end(self, patience_s: float = 40) -> int:
        code = self.process.wait(patience_s)
        self._reader.join(patience_s)
        while not self._lines.empty():
            self.said.append(self._lines.get())
        return code


@contextmanager
def fleet(*arguments: object) -> Iterator[Fleet]:
    made = Fleet(*arguments)
    try:
        yield made
    finally:
        made.process.kill()
        made.process.wait()
        left = [pid for pid in made.pids if exists(pid)]
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        errors = made.close()
        assert not left
        assert not errors


def exists(pid: int, patience_s: float = 20) -> bool:
    """Whether the process is still there after a while. A zombie that nobody waits for is not."""
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (FileNotFoundError, ProcessLookupError):
            return False
        if state == "Z":
            return False
        time.sleep(0.02)
    return True


@pytest.mark.parametrize("target", ["obedient", "on_a_loop"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_drains_the_workers(target: str, number: int) -> None:
    with fleet(target, 2, 20) as running:
        begun = running.until("begun", 2)
        running.signal(number)
        assert running.end() == 0
        ended = {line.split()[2] for line in running.said if line.startswith("ended")}
        assert ended == {words[2] for words in begun}
        assert "say Waiting for 2 workers to end what is under way, 20 s at most." in running.said


def test_a_killed_worker_is_told_and_replaced_under_another_name() -> None:
    with fleet("obedient", 2, 20) as running:
        victim, other = running.until("begun", 2)
        os.kill(int(victim[3]), signal.SIGKILL)
        [[_, name, code]] = running.until("death")
        assert (name, code) == (victim[2], "-9")
        [again] = running.until("begun")
        assert again[1] == victim[1]
        assert again[2] not in (victim[2], other[2])
        assert f"say Worker {victim[2]} died (SIGKILL) and is replaced." in running.said
        running.signal(signal.SIGTERM)
        assert running.end() == 0


def test_a_deaf_worker_is_killed_after_its_grace_with_all_that_it_started() -> None:
    with fleet("deaf", 1, 0.5) as running:
        [[*_, name, pid, child]] = running.until("begun")
        assert exists(int(child), 0.05)
        running.signal(signal.SIGTERM)
        assert running.end() == 1
        assert f"say Worker {name} did not end within 0.5 s: it is killed." in running.said
        assert f"death {name} -9" in running.said
        assert not exists(int(pid))


def test_a_second_signal_ends_all_now() -> None:
    with fleet("deaf", 2, 60) as running:
        running.until("begun", 2)
        running.signal(signal.SIGTERM)
        running.until("say Waiting")
        running.signal(signal.SIGTERM)
        assert running.end() == 128 + signal.SIGTERM
        assert sum(line.startswith("death") for line in running.said) == 2, "nobody waits for their leases"


def test_a_third_signal_leaves_nobody_a_moment() -> None:
    with fleet("deaf", 2, 60) as running:
        running.until("begun", 2)
        for words in ("say Waiting", "say Ending"):
            running.signal(signal.SIGTERM)
            running.until(words)
        running.signal(signal.SIGTERM)
        assert running.end() == 128 + signal.SIGTERM
        assert sum(line.startswith("death") for line in running.said) == 2
        assert not any("did not end within" in line for line in running.said)


def test_what_a_worker_leaves_behind_ends_with_it() -> None:
    with fleet("parent_of_one", 1, 20) as running:
        running.until("begun")
        running.signal(signal.SIGTERM)
        assert running.end() == 0


def test_the_commands_of_a_killed_worker_end_with_it() -> None:
    with fleet("commanding", 1, 0.2) as running:
        [[*_, pid, command]] = running.until("begun")
        os.kill(int(pid), signal.SIGKILL)
        running.until("begun")
        assert not exists(int(command))
        running.signal(signal.SIGTERM)
        assert running.end() == 1


@pytest.mark.parametrize("target", ["obedient", "deaf", "parent_of_one", "commanding"])
def test_workers_end_when_the_supervisor_is_killed(target: str) -> None:
    with fleet(target, 2, 0.5) as running:
        running.until("begun", 2)
        running.process.kill()
        running.process.wait()


@pytest.mark.parametrize("target", ["obedient", "slow_to_start", "stumbling"])
def test_sighup_replaces_the_workers_one_after_the_other(target: str) -> None:
    with fleet(target, 2, 20) as running:
        before = running.until("begun", 2)
        running.signal(signal.SIGHUP)
        after = running.until("begun", 2)
        assert {words[2] for words in before}.isdisjoint(words[2] for words in after)
        kinds = [line.split()[0] for line in running.said if line.startswith(("begun", "ended"))]
        assert kinds == ["begun", "begun", "ended", "begun", "ended", "begun"]
        running.signal(signal.SIGTERM)
        assert running.end() == 0


def test_a_second_sighup_takes_no_second_worker_away_while_one_is_replaced() -> None:
    with fleet("slow_to_start", 2, 20) as running:
        running.until("begun", 2)
        running.signal(signal.SIGHUP)
        running.until("ended", 2)
        running.signal(signal.SIGHUP)  # the second one is away
        running.until("say Restarting", 1)
        running.until("begun", 2)
        running.signal(signal.SIGTERM)
        assert running.end() == 0
    there = set[str]()
    for line in running.said:
        kind, *words = line.split()
        if kind == "begun":
            there.add(words[1])
        elif kind == "say" and words[0] == "Waiting":
            break
        elif kind == "ended":
            there.discard(words[1])
            assert there, running.said


@pytest.mark.parametrize("target", ["broken", "broken_late"])
def test_a_crash_loop_is_told_with_its_cause_and_slows_down(target: str) -> None:
    with fleet(target, 1, 20) as running:
        running.until("death", 3)
        running.until("say Worker 0 dies right after its start, 3 times now (exit code 1); next try in 5 s")
        assert running.said[-1].endswith(": ValueError: no such blueprint")
        running.signal(signal.SIGTERM)
        assert running.end() == 0


def test_a_worker_that_exits_without_words_is_told_with_its_code() -> None:
    with fleet("short_lived", 1, 20) as running:
        [[_, _, code]] = running.until("death")
        assert code == "7"
        running.signal(signal.SIGTERM)
        assert running.end() == 0


def test_a_changed_file_replaces_the_workers(tmp_path: Path) -> None:
    source = tmp_path / "nodes.py"
    source.write_text("a = 1")
    with fleet("obedient", 1, 20, tmp_path) as running:
        running.until("begun")
        source.write_text("a = 2  # longer")
        running.until("begun")
        (tmp_path / "notes.txt").write_text("not looked at")
        (tmp_path / "new.yaml").write_text("id: new")
        running.until("begun")
        running.signal(signal.SIGTERM)
        assert running.end() == 0
        assert sum("Restarting" in line for line in running.said) == 2
