"""Runs the real command line on the examples, in a folder of the test's own."""

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

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Ended:
    """What a command left: its exit code, its document, and what it said on stderr."""

    code: int
    document: dict[str, Any]
    said: str

    def state(self, node: str) -> str:
        return str(self.document["nodes"][node]["state"])


Run = Callable[..., Ended]


@pytest.fixture
def flowcraft(tmp_path: Path) -> Run:
    """`flowcraft(*arguments)` with `--json`; blueprints are named relative to `blueprints/`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FLOWCRAFT_")}
    environment = {**kept, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", "PYTHONDONTWRITEBYTECODE": "1"}

    def run(command: str, *arguments: str, file: str | None = None) -> Ended:
        named = [str(ROOT / "blueprints" / file)] if file else []
        ended = subprocess.run(
            [sys.executable, "-m", "flowcraft_cli", command, *named, *arguments, "--json"],
            cwd=tmp_path,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert "Traceback" not in ended.stderr, ended.stderr
        return Ended(ended.returncode, json.loads(ended.stdout), ended.stderr)

    return run
