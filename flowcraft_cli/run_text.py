"""A run as text for people: the tree of its nodes, its outputs, its errors, and what to do next."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

from flowcraft_cli.colour import Palette, palette_for
from flowcraft_cli.ending import Ending, error_text, headline, what_next
from flowcraft_cli.looks import look_of, short_duration, symbol_of
from flowcraft_cli.text import clip, safe

if TYPE_CHECKING:
    from flowcraft_engine.history.run_result import NodeRun, RunResult

#: Items of a `for_each` are listed up to this many; of more only those that did not simply complete.
_MOST_ITEMS = 12
_MOST_NODES = 400


def run_text(ending: Ending, *, verbose: bool = False) -> str:
    result, palette = ending.result, palette_for("stdout")
    width = shutil.get_terminal_size((100, 24)).columns
    lines = [headline(result, palette)]
    if result.inputs:
        lines.append(f"  {palette.dim('inputs')}  {clip(_compact(result.inputs), max(20, width - 10))}")
    lines.extend(node_lines(result, palette, width, verbose=verbose))
    if result.status == "completed" and result.outputs:
        lines.append(f"  {palette.dim('outputs')} {clip(_compact(result.outputs), max(20, width - 11))}")
    if result.cancel_reason:
        lines.append(f"  {palette.dim('reason')}  {safe(result.cancel_reason)}")
    lines.extend(error_text(error, palette) for error in result.errors)
    lines.extend(what_next(ending))
    return "\n".join(lines)


def node_lines(result: RunResult, palette: Palette, width: int, *, verbose: bool = False) -> list[str]:
    """A line for each instance; long lists of items are summed up."""
    shown = [(name, node) for name, node in result.nodes.items() if not _is_summed_up(result, name, node)]
    left_out = len(result.nodes) - len(shown)
    if len(shown) > _MOST_NODES:
        left_out += len(shown) - _MOST_NODES
        shown = shown[:_MOST_NODES]
    widest = max((len(_label(name)) for name, _ in shown), default=8)
    name_width = max(8, min(widest, width * 2 // 5))
    lines = [_node_line(name, node, name_width, width, palette, verbose=verbose) for name, node in shown]
    if left_out:
        lines.append(palette.dim(f"  … and {left_out} more, see --json"))
    return lines


def _label(name: str) -> str:
    return f"  {safe(name)}" if name.endswith("]") else safe(name)


def _is_summed_up(result: RunResult, name: str, node: NodeRun) -> bool:
    if not name.endswith("]") or node.state != "completed":
        return False
    whole = name.rpartition("[")[0]
    return f"{whole}[{_MOST_ITEMS}]" in result.nodes


def _node_line(
    name: str, node: NodeRun, name_width: int, width: int, palette: Palette, *, verbose: bool
) -> str:
    look = look_of(node.state)
    label = clip(_label(name), name_width).ljust(name_width)
    parts = [node.state.ljust(9)]
    parts.append((short_duration(node.duration_ms / 1000) if node.duration_ms is not None else "").rjust(7))
    details = _details(node, verbose=verbose)
    head = f"  {palette.style(symbol_of(node.state, 'stdout'), look.codes)} {label}  "
    plain_length = 4 + name_width + 2 + sum(len(part) + 1 for part in parts)
    room = max(10, width - plain_length - 2)
    state = palette.style(parts[0], look.codes)
    return f"{head}{state} {parts[1]}  {clip(details, room)}".rstrip()


def _details(node: NodeRun, *, verbose: bool) -> str:
    parts = []
    if node.attempts > 1:
        parts.append(f"{node.attempts} attempts")
    if node.child_run_id:
        parts.append(f"run {safe(node.child_run_id)}")
    if node.action:
        parts.append(f"→ {safe(node.action)}")
    is_telling = verbose or node.state not in ("completed", "pending", "running", "ready")
    if node.reason and is_telling:
        parts.append(safe(node.reason.strip().splitlines()[0]))
    if node.state == "completed" and node.output is not None:
        parts.append(_compact(node.output))
    return " · ".join(parts)


def _compact(value: object) -> str:
    return safe(json.dumps(value, ensure_ascii=False))
