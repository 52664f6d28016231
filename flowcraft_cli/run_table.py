"""A list of runs as columns that fit the terminal. Ids are never cut: they are there to be copied."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from flowcraft_cli.colour import palette_for
from flowcraft_cli.looks import marked, short_duration
from flowcraft_cli.text import clip, safe

if TYPE_CHECKING:
    from flowcraft_engine.stores.coordination_store import RunSummary

_STATE = 13
_WIDEST_NAME, _NARROWEST_NAME = 40, 8


def run_table(found: list[tuple[RunSummary, str]], width: int) -> list[str]:
    """A line for each run: id, status, blueprint, when it began, how long it took.

    Where all of that is too wide the dates become shorter, then names, then the last columns go.
    """
    palette = palette_for("stdout")
    names = [safe(run.blueprint_id + (f" {run.version}" if run.version else "")) for run, _ in found]
    took = [_took(run) for run, _ in found]
    id_width, took_width = max(len(run.run_id) for run, _ in found), max(map(len, took))
    widest = min(_WIDEST_NAME, max(map(len, names)))
    date, name_width = _layout(width - id_width - _STATE - 4, widest, took_width)
    lines = []
    for (run, status), name, length in zip(found, names, took, strict=True):
        state = marked(status, status.ljust(11), palette, "stdout")
        columns = [run.run_id.ljust(id_width), state]
        if name_width:
            columns.append(clip(name, name_width).ljust(name_width))
        if date:
            columns += [time.strftime(date, time.localtime(run.created_at)), length]
        lines.append("  ".join(columns).rstrip())
    return lines


def _layout(room: int, widest: int, took: int) -> tuple[str, int]:
    """The format of the dates (none: no dates), and the width of the names (0: no names)."""
    for date, length in (("%Y-%m-%d %H:%M:%S", 19), ("%m-%d %H:%M", 11)):
        if widest + 2 + length + 2 + took <= room:
            return date, widest
    rest = room - 2 - 11 - 2 - took
    if rest >= _NARROWEST_NAME:
        return "%m-%d %H:%M", min(widest, rest)
    return "", min(widest, room) if room >= _NARROWEST_NAME else 0


def _took(run: RunSummary) -> str:
    return short_duration(run.finished_at - run.created_at) if run.finished_at is not None else ""
