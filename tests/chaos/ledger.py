"""What was really executed, kept outside of Redis: one append-only file for each process, one line for each fact."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flowcraft_engine import NodeContext


class Ledger:
    """Of one process. A line is written by one call, so that a kill leaves no half of it."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, what: str, ctx: NodeContext) -> None:
        line = [
            what,
            ctx.run_id,
            ctx.instance,
            ctx.attempt,
            ctx.idempotency_key,
            os.getpid(),
            time.monotonic(),
        ]
        os.write(self._file, (json.dumps(line) + "\n").encode())

    def tally(self, what: str) -> None:
        """Count an accident that this process has caused."""
        os.write(self._file, (json.dumps(["tally", what]) + "\n").encode())


class TalliedCounter(Counter[str]):
    """A counter that survives the death of its process."""

    ledger: Ledger

    def __setitem__(self, key: str, value: int) -> None:
        self.ledger.tally(key)
        super().__setitem__(key, value)


@dataclass(frozen=True, slots=True)
class Effect:
    """`what` is begin, end, raised or interrupted; `at` is the machine's monotonic clock, the same for all."""

    what: str
    run: str
    instance: str
    attempt: int
    key: str
    pid: int
    at: float


def read_effects(folder: Path) -> list[Effect]:
    effects = [Effect(*line) for line in _lines(folder) if line[0] != "tally"]
    return sorted(effects, key=lambda effect: effect.at)


def read_tallies(folder: Path) -> Counter[str]:
    return Counter(line[1] for line in _lines(folder) if line[0] == "tally")


def _lines(folder: Path) -> Iterator[list[Any]]:
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text().splitlines():
            yield json.loads(line)
