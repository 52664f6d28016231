"""What a retry or a rerun repeats, as text for people."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from flowcraft_cli.text import clip, safe

if TYPE_CHECKING:
    from flowcraft_engine.execution.repair import Again

_MOST_NAMES = 12


def again_lines(steps: Sequence[Again], *, would: bool) -> list[str]:
    """One line for each run of the tree, the run itself first."""
    word = "would run again" if would else "runs again"
    lines = []
    for step in reversed(steps):
        goes_on = f"; goes on: {_names(step.goes_on)}" if step.goes_on else ""
        what = f"{word}: {_names(step.anew)}" if step.anew else f"{word}, nothing from its beginning"
        lines.append(f"{safe(step.run_id)} {what}{goes_on}")
    return lines


def _names(names: Sequence[str]) -> str:
    shown = ", ".join(map(safe, names[:_MOST_NAMES]))
    more = f" and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
    return clip(shown, 300) + more
