"""A run, and what failed in it, in a line or two."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from flowcraft_cli.colour import Palette, Stream
from flowcraft_cli.looks import look_of, marked, short_duration
from flowcraft_cli.screen import folded
from flowcraft_cli.text import safe

if TYPE_CHECKING:
    from flowcraft_engine.history.run_result import RunError, RunResult


def headline(result: RunResult, palette: Palette, stream: Stream = "stderr") -> str:
    """`✓ completed payments 1.2.0 · run 3f… · 2.3s · 5 completed, 1 skipped`, on several lines of a narrow terminal."""
    version = f" {safe(result.version)}" if result.version else ""
    parts = [f"{safe(result.blueprint_id)}{version}", f"run {result.run_id}"]
    if result.generation > 1:
        parts.append(f"generation {result.generation}")
    if result.finished_at is not None:
        parts.append(short_duration(result.finished_at - result.created_at))
    counts = Counter(_outcome(result, node.state) for name, node in result.nodes.items() if name[-1] != "]")
    if counts:
        parts.append(", ".join(f"{number} {state}" for state, number in counts.items()))
    mark = marked(result.status, result.status, palette, stream)
    first, *rest = folded(" · ".join(parts), len(result.status) + 3, stream)
    return "\n".join([f"{mark} {first}", *(f"    {line}" for line in rest)])


def _outcome(result: RunResult, state: str) -> str:
    """What became of a node, in a word; what failed in a completed run had a fallback."""
    return "rescued" if state == "failed" and result.status == "completed" else state


def error_text(error: RunError, palette: Palette) -> str:
    """What failed, where in the blueprint, and the place in the user's code that raised."""
    place = ""
    if error.location:
        where = "{file}:{line}:{column}".format(**error.location)
        place = f"{palette.bold(safe(where))}: "
    name = safe(error.node) if error.node else "the run"
    text = safe(error.message, lines=True).replace("\n", "\n    ")
    lines = [
        f"{place}{palette.style(name, look_of('failed').codes)}: {text} {palette.dim(f'[{error.code}]')}"
    ]
    cause = cause_text(error.cause)
    if cause:
        lines.append(f"    {palette.dim(cause)}")
    return "\n".join(lines)


def cause_text(cause: object) -> str | None:
    """`ValueError at shop/nodes.py:12 in charge`; for a failed sub-run its own error."""
    if not isinstance(cause, dict):
        return None
    from flowcraft_engine.reports.error_place import code_place, own_place

    parts = [safe(cause.get("type") or cause.get("code") or "")]
    own = own_place(cause)
    if own is not None:
        parts.append(f"at {safe(own.text)}")
    if cause.get("node"):
        parts.append(f"in node {safe(cause['node'])}")
    if cause.get("message"):
        parts.append(f"- {safe(cause['message'])}")
    below = code_place(cause) if own is None else None
    if below is not None:
        parts.append(f"({safe(below.type or 'raised')} at {safe(below.text)})")
    return " ".join(part for part in parts if part) or None
