"""What the nodes of a run printed and logged, as text for a page."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from flowcraft_engine.reports.markup import MOST_CHARACTERS
from flowcraft_engine.stores.log_store import LogLine, LogPart

_MARKED = frozenset({"WARNING", "ERROR", "CRITICAL"})


def texts_of(parts: Iterable[LogPart]) -> dict[str, str]:
    """Instance → its lines, attempt by attempt; of a very long log the beginning."""
    told: dict[str, list[str]] = {}
    seen: dict[str, tuple[int, int]] = {}
    left_out: dict[str, dict[tuple[int, int], int]] = {}
    for part in parts:
        attempt = (part.generation, part.attempt)
        rows = told.setdefault(part.instance, [])
        if seen.get(part.instance, (1, 1)) != attempt:
            rows.append(_heading(part))
        seen[part.instance] = attempt
        rows.extend(_line(line) for line in part.lines)
        if part.left_out:
            left_out.setdefault(part.instance, {})[attempt] = part.left_out
    return {
        name: _shortened("\n".join(rows), sum(left_out.get(name, {}).values())) for name, rows in told.items()
    }


def _heading(part: LogPart) -> str:
    generation = f"generation {part.generation}, " if part.generation > 1 else ""
    return f"— {generation}attempt {part.attempt} —"


def _line(line: LogLine) -> str:
    mark = f"{line.level.lower()}: " if line.level is not None and line.level in _MARKED else ""
    return f"{datetime.fromtimestamp(line.at, UTC):%H:%M:%S} {mark}{line.text}"


def _shortened(log: str, left_out_bytes: int) -> str:
    more = len(log) - MOST_CHARACTERS
    if more > 0:
        log = f"{log[:MOST_CHARACTERS]}\n… and {more:,} more characters"
    return f"{log}\n… {left_out_bytes:,} bytes were not kept" if left_out_bytes else log
