"""The port of logs: what nodes printed or logged, kept beside the run, an attempt at a time.

Logs are no facts of the run: they may lag behind, and the last moments may be missing after a crash.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from flowcraft_engine.frozen import frozen


class LogLine(NamedTuple):
    """`stream` is `stdout`, `stderr` or `log`; only log lines have a `level`. `at` is in seconds since the epoch."""

    at: float
    stream: str
    level: str | None
    text: str


@frozen
class LogPart:
    """Some lines of one attempt. `left_out` counts the bytes of it that were too many, so far."""

    run_id: str
    instance: str
    generation: int
    attempt: int
    lines: tuple[LogLine, ...]
    left_out: int = 0
    #: Its place among the parts of its run, from 1; given by the store.
    number: int = 0


@runtime_checkable
class LogStore(Protocol):
    """Every store of runs here is one. What is retired loses its logs, too."""

    async def write_logs(self, parts: Sequence[LogPart], *, behind: int | None = None) -> None:
        """Keep these parts; of a run that is not there they are dropped.

        With `behind` they are of one run, and are dropped unless it has just so many: somebody else was faster.
        """
        ...

    async def read_logs(self, run_id: str, after: int = 0, *, limit: int | None = None) -> list[LogPart]:
        """The parts of a run, without its sub-runs, from after number `after` on, in the order of writing."""
        ...

    async def last_log(self, run_id: str) -> int:
        """The number of the last part of a run; 0 if there is none."""
        ...
