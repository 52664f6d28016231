"""Drawings of blueprints and runs, by `draw`: SVG, Mermaid, DOT, terminal, JSON. Knows nothing of stores."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Literal, get_args

from flowcraft_engine.blueprint.model import Blueprint
from flowcraft_engine.drawing.dot import draw_dot
from flowcraft_engine.drawing.graph_json import draw_json
from flowcraft_engine.drawing.graph_view import GraphView, view_of
from flowcraft_engine.drawing.layout import Direction
from flowcraft_engine.drawing.mermaid import draw_mermaid
from flowcraft_engine.drawing.outcome import Outcome, Outcomes
from flowcraft_engine.drawing.svg import draw_svg
from flowcraft_engine.drawing.terminal import ansi_painter, draw_terminal
from flowcraft_engine.errors import UsageError

Format = Literal["svg", "mermaid", "dot", "terminal", "json"]
FORMATS: tuple[Format, ...] = get_args(Format)
DIRECTIONS: tuple[Direction, ...] = get_args(Direction)

__all__ = [
    "DIRECTIONS",
    "FORMATS",
    "Direction",
    "Format",
    "GraphView",
    "Outcome",
    "Outcomes",
    "draw",
    "view_of",
]

_Drawer = Callable[[GraphView, Outcomes | None, frozenset[tuple[str, str]] | None, Direction], str]
_DRAWERS: dict[str, _Drawer] = {
    "svg": draw_svg,
    "mermaid": draw_mermaid,
    "dot": draw_dot,
    "json": draw_json,
}


def draw(
    blueprint: Blueprint,
    format: Format,
    outcomes: Outcomes | None = None,
    *,
    taken: Collection[tuple[str, str]] | None = None,
    width: int = 80,
    direction: Direction = "TB",
    colour: bool = False,
    ascii: bool = False,
) -> str:
    """Draw a blueprint, and with `outcomes` (by node id) a run of it. The same arguments give the same text.

    `taken` are the edges that were taken; with it, the others fade in SVG, Mermaid and DOT. `width`, `colour`
    (ANSI codes, for states) and `ascii` are for the terminal only. A faulty blueprint is drawn as far as it
    goes.
    """
    if format not in FORMATS:
        raise UsageError(f"Unknown drawing format '{format}'.", hint=f"One of: {', '.join(FORMATS)}.")
    if direction not in DIRECTIONS:
        raise UsageError(
            f"Unknown direction '{direction}'.", hint="TB (top to bottom) or LR (left to right)."
        )
    view = view_of(blueprint)
    if format == "terminal":
        painter = ansi_painter if colour else None
        return draw_terminal(view, outcomes, width=width, direction=direction, ascii=ascii, painter=painter)
    return _DRAWERS[format](view, outcomes, None if taken is None else frozenset(taken), direction)
