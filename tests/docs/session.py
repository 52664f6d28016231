"""Runs the `$ commands` of a console block, and compares what they print with what the page says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
#: What differs from run to run, and what stands for it in the comparison.
_CHANGING = (
    (re.compile(r"\b\d\d:\d\d:\d\d\b"), "TIME"),
    (re.compile(r"\b\d{4}-\d\d-\d\d[T ]TIME(\.\d+)?Z?"), "TIMESTAMP"),
    (re.compile(r"\b[0-9a-f]{16}\b"), "RUN"),
    (re.compile(r"\b\d+(\.\d+)?(ms|s)\b"), "DURATION"),
    (re.compile(r" +"), " "),
)


class Session:
    """One folder, one environment and the exit code of the last command, as a reader has them."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.folder = folder
        kept = {name: value for name, value in os.environ.items() if not name.startswith("FLOWCRAFT_")}
        self._environment = {
            **kept,
            "PATH": f"{programs}{os.pathsep}{kept.get('PATH', '')}",
            "PYTHONPATH": str(ROOT),
            "PYTHONDONTWRITEBYTECODE": "1",
            "NO_COLOR": "1",
            "COLUMNS": "100",
            "TERM": "xterm-256color",
        }
        self._code = 0

    def run(self, command: str) -> str:
        """What the command prints, results and progress alike."""
        script = f"(exit {self._code}); {command}"
        ended = subprocess.run(
            ["sh", "-c", script],
            cwd=self.folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=100,
            check=False,
        )
        self._code = ended.returncode
        return ended.stdout


def make_programs(folder: Path) -> Path:
    """A folder with a `flowcraft` that is the one of this repository, installed or not, and its `python`."""
    for name, arguments in (("flowcraft", "-m flowcraft_cli "), ("python", "")):
        program = folder / name
        program.write_text(f'#!/bin/sh\nexec "{sys.executable}" {arguments}"$@"\n')
        program.chmod(0o755)
    return folder


def commands_of(text: str) -> list[tuple[str, str]]:
    """(command, expected output) of a block; a command goes on behind a backslash at its end."""
    found: list[tuple[str, str]] = []
    for part in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        match = re.match(r"((?:.*\\\n)*.*)\n?", part)
        assert match is not None
        found.append((match[1], part[match.end() :]))
    return found


def normal(output: str) -> list[str]:
    """The lines of an output, with what changes from run to run replaced."""
    for pattern, name in _CHANGING:
        output = pattern.sub(name, output)
    return [line.rstrip() for line in output.strip().splitlines()]


def agrees(expected: str, printed: str) -> bool:
    """Whether both are equal; a line `…` stands for any lines, `…` inside of a line for any text."""
    pieces = []
    for line in normal(expected):
        if line.strip() == "…":
            pieces.append(r"(?:.*\n)*?")
        else:
            pieces.append(".*".join(re.escape(part) for part in line.split("…")) + r"\n")
    return re.fullmatch("".join(pieces), "".join(f"{line}\n" for line in normal(printed))) is not None
