"""`flowcraft` as tests of the whole command use it: in a process of its own, in the folder of a test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


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
    #: Variables that every call gets.
    variables: dict[str, str] = field(default_factory=dict)

    def environment(self, **more: str) -> dict[str, str]:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith("FLOWCRAFT_") and name not in ("CI", "NO_COLOR", "FORCE_COLOR")
        }
        return {**kept, "PYTHONPATH": str(ROOT), **self.variables, **more}

    def line(self, *arguments: str) -> list[str]:
        """The whole command line."""
        return [sys.executable, "-m", "flowcraft_cli", *arguments]

    def __call__(self, *arguments: str, stdin: str = "", **env: str) -> Outcome:
        done = subprocess.run(
            self.line(*arguments),
            input=stdin, capture_output=True, text=True, cwd=self.folder,
            env=self.environment(**env), timeout=100,
        )  # fmt: skip
        return Outcome(done.returncode, done.stdout, done.stderr)

    def begin(self, *arguments: str, **env: str) -> subprocess.Popen[str]:
        return self._begin(self.line(*arguments), **env)

    def begin_python(self, code: str) -> subprocess.Popen[str]:
        return self._begin([sys.executable, "-c", code])

    def _begin(self, line: list[str], **env: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            line,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
            cwd=self.folder, env=self.environment(**env),
        )  # fmt: skip

    def python(self, code: str) -> Outcome:
        done = subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True, text=True, cwd=self.folder, env=self.environment(), timeout=100,
        )  # fmt: skip
        return Outcome(done.returncode, done.stdout, done.stderr)

    def write(self, name: str, text: str) -> str:
        (self.folder / name).write_text(text, encoding="utf-8")
        return name
