"""What the tests of the command line share: a folder of their own, and the command in this process or another."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from flowcraft_cli.main import run_command_line

ROOT = Path(__file__).resolve().parents[3]


@dataclass
class Outcome:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("FLOWCRAFT_") or name in ("CI", "NO_COLOR", "FORCE_COLOR"):
            monkeypatch.delenv(name)
    monkeypatch.setattr(sys, "path", [*sys.path])
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        module_file = getattr(sys.modules[name], "__file__", None) or ""
        if module_file.startswith(str(tmp_path)):
            del sys.modules[name]


@pytest.fixture
def flowcraft(capfd: pytest.CaptureFixture[str]) -> Callable[..., Outcome]:
    """The command in this process; file descriptors are captured, so nothing a node writes is missed."""

    def call(*arguments: str) -> Outcome:
        capfd.readouterr()
        code = run_command_line(arguments)
        out, err = capfd.readouterr()
        return Outcome(code, out, err)

    return call


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "flowcraft_cli", *arguments]


def environment(**more: str) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), **more}


@pytest.fixture
def process() -> Callable[..., Outcome]:
    """The command in a process of its own."""

    def call(*arguments: str, stdin: str = "", **env: str) -> Outcome:
        done = subprocess.run(
            command(*arguments),
            input=stdin,
            capture_output=True,
            text=True,
            env=environment(**env),
            timeout=60,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    return call


def write(name: str, text: str) -> str:
    Path(name).write_text(text, encoding="utf-8")
    return name


@pytest.fixture
def chain() -> str:
    return write(
        "chain.yaml",
        "id: chain\n"
        "inputs: {n: {type: integer, default: 3}}\n"
        "nodes:\n"
        "  - {id: a, uses: noop}\n"
        "  - {id: b, uses: set, needs: [a], params: {values: {doubled: '${{ n * 2 }}'}}}\n"
        "outputs: {doubled: b.doubled}\n",
    )


@pytest.fixture
def failing() -> str:
    return write(
        "failing.yaml",
        "id: failing\nnodes:\n  - {id: bad, uses: check, params: {that: 1 > 2, message: never}}\n",
    )


@pytest.fixture
def waiting() -> str:
    return write(
        "waiting.yaml",
        "id: waiting\n"
        "nodes:\n"
        "  - {id: ask, uses: wait, params: {message: 'go on?'}}\n"
        "  - {id: go, uses: noop}\n"
        "  - {id: stop, uses: noop}\n"
        "edges:\n"
        "  - {source: ask, target: go, action: approve}\n"
        "  - {source: ask, target: stop, action: reject}\n",
    )
