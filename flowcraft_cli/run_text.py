"""A run as text for people: the tree of its nodes, its outputs, its errors, and what to do next."""

from __future__ import annotations

import json
from collections import Counter
from typing import TYPE_CHECKING, Literal

from flowcraft_cli.colour import Palette, Stream, palette_for
from flowcraft_cli.ending import Ending
from flowcraft_cli.gantt import gantt_lines
from flowcraft_cli.headline import error_text, headline
from flowcraft_cli.looks import look_of, short_duration, symbol_of
from flowcraft_cli.screen import width_of_screen
from flowcraft_cli.text import clip, safe
from flowcraft_cli.what_next import what_next

if TYPE_CHECKING:
    from flowcraft_engine.history.run_result import NodeRun, RunResult
    from flowcraft_engine.reports.dossier import Dossier

#: Items of a `for_each` are listed up to this many; of more only those that did not simply complete.
_MOST_ITEMS = 12
_MOST_NODES = 400
_SCREEN = 30
#: What a line has beside the name: sign, state, duration, and what is between them.
_FRAME = 23
#: Details in less room than this say nothing.
_NARROWEST = 10


def run_text(ending: Ending, dossier: Dossier, *, verbose: bool = False) -> str:
    """The run with its sub-runs and its timeline."""
    result, palette = ending.result, palette_for("stdout")
    width = width_of_screen()
    lines = [headline(result, palette, "stdout")]
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
    name_width = max(8, min(widest, width * 2 // 5, width - _FRAME))
    failed_items = Counter(
        name.rpartition("[")[0]
        for name, node in result.nodes.items()
        if name.endswith("]") and node.state == "failed"
    )
    lines = []
    for name, node in shown:
        told = _details(node, details, failed_items[name])
        lines.append(_node_line(name, node, told, name_width, width, palette, details))
        child = run.children.get(name) if run is not None else None
        if child is not None:
            inner = node_lines(child.result, palette, width - 4, details=details, run=child)
            lines.extend(f"    {line}" for line in inner)
    if left_out:
        # In `show` itself only the JSON has more.
        all_of_them = "" if details == "none" else " --json"
        lines.append(palette.dim(f"  … and {left_out} more: flowcraft show {result.run_id}{all_of_them}"))
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


def _node_line(
    name: str, node: NodeRun, told: str, name_width: int, width: int, palette: Palette, details: str
) -> str:
    look = look_of(node.state)
    stream: Stream = "stderr" if details == "none" else "stdout"
    label = clip(_label(name), name_width).ljust(name_width)
    duration = short_duration(node.duration_ms / 1000) if node.duration_ms is not None else ""
    state = palette.style(node.state.ljust(9), look.codes)
    room = width - name_width - _FRAME - 2
    told = clip(told, room) if room >= _NARROWEST else ""
    head = (
        f"  {palette.style(symbol_of(node.state, stream), look.codes)} {label}  {state} {duration.rjust(7)}"
    )
    return f"{head}  {told}".rstrip()


def _details(node: NodeRun, details: str, failed_items: int) -> str:
    parts = []
    if failed_items and node.state == "completed":
        parts.append(f"{failed_items} failed {'item' if failed_items == 1 else 'items'}")
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
