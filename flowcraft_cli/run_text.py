"""A run as text for people: the tree of its nodes, its outputs, its errors, and what to do next."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Literal

from flowcraft_cli.colour import Palette, Stream, palette_for
from flowcraft_cli.ending import Ending, error_text, headline, what_next
from flowcraft_cli.gantt import gantt_lines
from flowcraft_cli.looks import look_of, short_duration, symbol_of
from flowcraft_cli.screen import width_of_screen
from flowcraft_cli.text import clip, safe

if TYPE_CHECKING:
    from flowcraft_engine.history.run_result import NodeRun, RunResult
    from flowcraft_engine.reports.dossier import Dossier

#: Items of a `for_each` are listed up to this many; of more only those that did not simply complete.
_MOST_ITEMS = 12
_MOST_NODES = 400
_SCREEN = 30


def run_text(ending: Ending, dossier: Dossier, *, verbose: bool = False) -> str:
    """The run with its sub-runs and its timeline."""
    result, palette = ending.result, palette_for("stdout")
    width = width_of_screen()
    lines = [headline(result, palette)]
    if result.inputs:
        lines.append(f"  {palette.dim('inputs')}  {clip(_compact(result.inputs), max(20, width - 10))}")
    lines.extend(node_lines(result, palette, width, details="all" if verbose else "results", run=dossier))
    lines.extend(["", *gantt_lines(dossier, palette, width), ""] if dossier.timeline else [])
    if result.status == "completed" and result.outputs:
        lines.append(f"  {palette.dim('outputs')} {clip(_compact(result.outputs), max(20, width - 11))}")
    if result.cancel_reason:
        lines.append(f"  {palette.dim('reason')}  {safe(result.cancel_reason)}")
    lines.extend(error_text(error, palette) for error in result.errors)
    lines.extend(what_next(ending))
    return "\n".join(lines)


def node_lines(
    result: RunResult,
    palette: Palette,
    width: int,
    *,
    details: Literal["all", "results", "none"] = "results",
    run: Dossier | None = None,
) -> list[str]:
    """A line for each instance; long lists of items are summed up. `details` says how much each line tells.

    With `run`, the nodes of its sub-runs stand below the nodes that have started them.
    """
    shown = [(name, node) for name, node in result.nodes.items() if not _is_summed_up(result, name, node)]
    if details == "none":
        shown = _fitting(shown)
    left_out = len(result.nodes) - len(shown)
    if len(shown) > _MOST_NODES:
        left_out += len(shown) - _MOST_NODES
        shown = shown[:_MOST_NODES]
    widest = max((len(_label(name)) for name, _ in shown), default=8)
    name_width = max(8, min(widest, width * 2 // 5))
    lines = []
    for name, node in shown:
        lines.append(_node_line(name, node, name_width, width, palette, details))
        child = run.children.get(name) if run is not None else None
        if child is not None:
            inner = node_lines(child.result, palette, max(40, width - 4), details=details, run=child)
            lines.extend(f"    {line}" for line in inner)
    if left_out:
        lines.append(palette.dim(f"  … and {left_out} more: flowcraft show {result.run_id}"))
    return lines


def _fitting(shown: list[tuple[str, NodeRun]]) -> list[tuple[str, NodeRun]]:
    """No items; of graphs larger than a screen only what did not simply complete."""
    nodes = [(name, node) for name, node in shown if not name.endswith("]")]
    if len(nodes) > _SCREEN:
        nodes = [
            (name, node) for name, node in nodes if node.state not in ("completed", "pending", "skipped")
        ]
    return nodes[:_SCREEN]


def _label(name: str) -> str:
    return f"  {safe(name)}" if name.endswith("]") else safe(name)


def _is_summed_up(result: RunResult, name: str, node: NodeRun) -> bool:
    if not name.endswith("]") or node.state != "completed":
        return False
    whole = name.rpartition("[")[0]
    return f"{whole}[{_MOST_ITEMS}]" in result.nodes


def _node_line(name: str, node: NodeRun, name_width: int, width: int, palette: Palette, details: str) -> str:
    look = look_of(node.state)
    stream: Stream = "stderr" if details == "none" else "stdout"
    label = clip(_label(name), name_width).ljust(name_width)
    duration = short_duration(node.duration_ms / 1000) if node.duration_ms is not None else ""
    state = palette.style(node.state.ljust(9), look.codes)
    room = max(10, width - name_width - 27)
    head = (
        f"  {palette.style(symbol_of(node.state, stream), look.codes)} {label}  {state} {duration.rjust(7)}"
    )
    return f"{head}  {clip(_details(node, details), room)}".rstrip()


def _details(node: NodeRun, details: str) -> str:
    parts = []
    if node.attempts > 1:
        parts.append(f"{node.attempts} attempts")
    if node.child_run_id:
        parts.append(f"run {safe(node.child_run_id)}")
    if node.action:
        parts.append(f"→ {safe(node.action)}")
    is_telling = details == "all" or node.state not in ("completed", "pending", "running", "ready")
    if node.reason and is_telling:
        parts.append(safe(node.reason.strip().splitlines()[0]))
    if details != "none" and node.state == "completed" and node.output is not None:
        parts.append(_compact(node.output))
    return " · ".join(parts)


def _compact(value: object) -> str:
    return safe(json.dumps(value, ensure_ascii=False))
