"""What the tests of the whole command share: a folder of their own, and the command in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]


@dataclass
class Outcome:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@dataclass
class Command:
    """`flowcraft` in the folder of a test."""

    folder: Path

    def environment(self, **more: str) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("FLOWCRAFT_") and name not in ("CI", "NO_COLOR", "FORCE_COLOR")
        }
        return {**kept, "PYTHONPATH": str(ROOT), **more}

    def __call__(self, *arguments: str, stdin: str = "", **env: str) -> Outcome:
        done = subprocess.run(
            [sys.executable, "-m", "flowcraft_cli", *arguments],
            input=stdin, capture_output=True, text=True, cwd=self.folder,
            env=self.environment(**env), timeout=60,
        )  # fmt: skip
        return Outcome(done.returncode, done.stdout, done.stderr)

    def begin(self, *arguments: str, **env: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "flowcraft_cli", *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
            cwd=self.folder, env=self.environment(**env),
        )  # fmt: skip

    def python(self, code: str) -> Outcome:
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True, text=True, cwd=self.folder, env=self.environment(), timeout=60,
        )  # fmt: skip
        return Outcome(done.returncode, done.stdout, done.stderr)

    def write(self, name: str, text: str) -> str:
        (self.folder / name).write_text(text, encoding="utf-8")
        return name


@pytest.fixture
def flowcraft(tmp_path: Path) -> Callable[..., Outcome]:
    return Command(tmp_path)
