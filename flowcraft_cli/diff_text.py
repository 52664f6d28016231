"""Differences as text: `+` for what is new, `-` for what is gone, `~` for what changed."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from flowcraft_cli.colour import Palette, palette_for
from flowcraft_cli.looks import short_duration
from flowcraft_cli.screen import width_of_screen
from flowcraft_cli.text import clip, safe
from flowcraft_engine.reports.json_diff import Absent

if TYPE_CHECKING:
    from flowcraft_engine.reports.blueprint_diff import PartDiff
    from flowcraft_engine.reports.json_diff import Change
    from flowcraft_engine.reports.run_diff import NodeDiff, RunDiff

#: Keys whose numbers are milliseconds.
_DURATIONS = ("timeout", "retry_delay")
_MOST_LINES = 12
_MOST_NODES = 40
_MOST_CHANGES = 12


def blueprint_lines(parts: Iterable[PartDiff]) -> list[str]:
    """A line for each part, then what changed in it."""
    palette = palette_for("stdout")
    lines = []
    for part in parts:
        sign = {"added": "+", "removed": "-", "changed": "~"}[part.kind]
        places = [safe(str(place)) for place in (part.old_place, part.new_place) if place is not None]
        place = palette.dim(f" ({' → '.join(places)})") if places else ""
        lines.append(f"{_coloured(palette, sign, f'{sign} {safe(part.part)}')}{place}")
        lines.extend(_changes(part.changes, palette))
    return lines


def run_lines(diff: RunDiff) -> list[str]:
    """Where they went apart, then each kind of difference; times at the end, different or not."""
    palette = palette_for("stdout")
    lines = []
    if diff.is_different:
        lines.append(f"{palette.bold('first different')}: {safe(diff.first)}")
    if diff.old_status != diff.new_status:
        lines.append(f"{palette.bold('status')}: {diff.old_status} → {diff.new_status}")
    if diff.version[0] != diff.version[1]:
        lines.append(f"{palette.bold('version')}: {safe(diff.version[0])} → {safe(diff.version[1])}")
    lines += _section("blueprint", blueprint_lines(diff.blueprint), palette)
    lines += _section("inputs", _changes(diff.inputs, palette), palette)
    lines += _section("nodes", list(_nodes(diff.nodes, palette)), palette)
    lines += _section("outputs", _changes(diff.outputs, palette), palette)
    attempts = [f"  {safe(name)}: {old} → {new}" for name, old, new in diff.attempts[:_MOST_NODES]]
    lines += _section("attempts", attempts, palette)
    times = [
        f"  {safe(time.where)}: {short_duration(time.old_s)} → {short_duration(time.new_s)}"
        for time in diff.times[:_MOST_NODES]
    ]
    return lines + _section("times", times, palette)


def _section(title: str, lines: list[str], palette: Palette) -> list[str]:
    return [palette.bold(title), *lines] if lines else []


def _nodes(nodes: Sequence[NodeDiff], palette: Palette) -> Iterator[str]:
    width = width_of_screen()
    for node in nodes[:_MOST_NODES]:
        if node.what == "output":
            yield f"  {safe(node.where)}: output"
            yield from _changes(node.changes, palette, "      ")
        else:
            yield clip(f"  {safe(node.where)}: {node.what} {safe(node.old)} → {safe(node.new)}", width)
        for sign, why in (("-", node.old_why), ("+", node.new_why)):
            if why:
                yield _coloured(palette, sign, clip(f"      {sign} {safe(why)}", width))
    if len(nodes) > _MOST_NODES:
        yield f"  … and {len(nodes) - _MOST_NODES} more"


def _changes(changes: Sequence[Change], palette: Palette, indent: str = "    ") -> list[str]:
    width, lines = width_of_screen(), []
    for change in changes[:_MOST_CHANGES]:
        name = safe(change.path) or "the whole"
        if isinstance(change.old, str) and isinstance(change.new, str) and "\n" in change.old + change.new:
            lines.append(f"{indent}{name}")
            lines.extend(_line_by_line(change.old, change.new, palette, indent))
        elif isinstance(change.old, Absent):
            told = clip(f"{indent}+ {name}: {_value(change.path, change.new)}", width)
            lines.append(_coloured(palette, "+", told))
        elif isinstance(change.new, Absent):
            told = clip(f"{indent}- {name}: {_value(change.path, change.old)}", width)
            lines.append(_coloured(palette, "-", told))
        else:
            both = f"{_value(change.path, change.old)} → {_value(change.path, change.new)}"
            lines.append(clip(f"{indent}{name}: {both}", width))
    if len(changes) > _MOST_CHANGES:
        lines.append(f"{indent}… and {len(changes) - _MOST_CHANGES} more")
    return lines


def _line_by_line(old: str, new: str, palette: Palette, indent: str) -> list[str]:
    """Only the lines of a long text that changed."""
    told = [
        _coloured(palette, line[0], clip(f"{indent}  {safe(line)}", width_of_screen()))
        for line in difflib.ndiff(old.splitlines(), new.splitlines())
        if line[0] in "+-"
    ]
    more = [f"{indent}  … and {len(told) - _MOST_LINES} more lines"] if len(told) > _MOST_LINES else []
    return told[:_MOST_LINES] + more


def _value(path: str, value: object) -> str:
    key = path.rpartition(".")[2]
    if key in _DURATIONS and isinstance(value, (int, float)):
        return short_duration(value / 1000)
    return clip(safe(json.dumps(value, ensure_ascii=False)), 60)


def _coloured(palette: Palette, sign: str, text: str) -> str:
    paint = {"+": palette.green, "-": palette.red, "~": palette.yellow}.get(sign, str)
    return paint(text)
