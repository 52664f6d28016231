"""What drawings that are text, Mermaid and DOT, share: plain names of nodes, and the lines in their boxes."""

from __future__ import annotations

import re
from collections.abc import Iterable

from flowcraft_engine.drawing.graph_view import Box
from flowcraft_engine.drawing.outcome import Outcome, look_of
from flowcraft_engine.drawing.text import visible


def plain_names(ids: Iterable[str]) -> dict[str, str]:
    """A name of ASCII letters, digits and underscores for each id, unlike all others and any keyword."""
    names: dict[str, str] = {}
    used: set[str] = set()
    for identifier in ids:
        stem = "n_" + (re.sub(r"[^A-Za-z0-9]+", "_", identifier).strip("_")[:40] or "x")
        name, number = stem, 2
        while name in used:
            name, number = f"{stem}_{number}", number + 1
        used.add(name)
        names[identifier] = name
    return names


def label_lines(box: Box, outcome: Outcome | None) -> list[str]:
    """The lines of a box, which are not escaped yet."""
    lines = [box.title, *box.type_line, *box.notes]
    if outcome:
        lines.append(f"{look_of(outcome.state).symbol} {visible(outcome.sentence)}")
    return lines
