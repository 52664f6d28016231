"""The terminal drawing: boxes and arrows where they fit, else a list by layers. Colour by a painter."""

from __future__ import annotations

from collections.abc import Iterator

from flowcraft_engine.drawing.arrangement import Link, layered
from flowcraft_engine.drawing.canvas import Painter
from flowcraft_engine.drawing.cell_plot import CellBox, plot_cells
from flowcraft_engine.drawing.channel import TangledError
from flowcraft_engine.drawing.graph_view import Arrow, Box, GraphView
from flowcraft_engine.drawing.layout import Direction, loop_order
from flowcraft_engine.drawing.outcome import Outcome, Outcomes, look_of, states_of
from flowcraft_engine.drawing.text import cells, elide, visible

#: More boxes than this are easier to read as a list.
_MOST_BOXES = 40
_LONGEST_LINE = 30
_KINDS = {"loop": "↺", "for_each": "≡", "subflow": "⊞", "wait": "⧖", "missing": "!"}
_ASCII_KINDS = {
    "loop": "(loop)",
    "for_each": "(each)",
    "subflow": "(sub)",
    "wait": "(wait)",
    "missing": "(!)",
}
_TO_ASCII = str.maketrans({"·": "-", "×": "x", "…": "~"})


def ansi_painter(style: str, text: str) -> str:
    """Text in the colour of a state, by ANSI codes."""
    return f"\x1b[{look_of(style).ansi}m{text}\x1b[0m" if text.strip() else text


def draw_terminal(
    view: GraphView,
    outcomes: Outcomes | None = None,
    *,
    width: int = 80,
    direction: Direction = "TB",
    ascii: bool = False,
    painter: Painter | None = None,
) -> str:
    """The view in at most `width` columns (a list may be wider where a single word is)."""
    if not view.boxes:
        return "(no nodes)\n"
    drawing = None
    if len(view.boxes) <= _MOST_BOXES:
        drawing = _boxes(view, outcomes, width, direction, ascii, painter)
    if drawing is None:
        drawing = _List(view, outcomes, width, ascii, painter).text()
    return drawing + _legend(outcomes, width, ascii, painter)


def _boxes(
    view: GraphView,
    outcomes: Outcomes | None,
    width: int,
    direction: Direction,
    ascii: bool,
    painter: Painter | None,
) -> str | None:
    boxes = [_cell_box(box, outcomes, ascii, short=direction == "LR") for box in view.boxes]
    try:
        canvas = plot_cells(view, boxes, direction, ascii=ascii)
    except TangledError:
        return None
    return canvas.render(painter) if canvas.width <= width else None


def _cell_box(box: Box, outcomes: Outcomes | None, ascii: bool, *, short: bool) -> CellBox:
    outcome = outcomes.get(box.id) if outcomes else None
    title = " ".join([*_symbols(box, outcome, ascii), elide(box.title, _LONGEST_LINE)])
    details = " · ".join([*box.notes, *([outcome.details] if outcome and outcome.details else [])])
    lines = [title] if short or not details else [title, elide(visible(details), _LONGEST_LINE)]
    if ascii:
        lines = [line.translate(_TO_ASCII) for line in lines]
    return CellBox(tuple(lines), outcome.state if outcome else "", box.kind in ("wait", "loop"))


def _symbols(box: Box, outcome: Outcome | None, ascii: bool) -> list[str]:
    symbols = []
    if outcome:
        look = look_of(outcome.state)
        symbols.append(look.ascii if ascii else look.symbol)
    kind = (_ASCII_KINDS if ascii else _KINDS).get(box.kind)
    return [*symbols, kind] if kind else symbols


def _legend(outcomes: Outcomes | None, width: int, ascii: bool, painter: Painter | None) -> str:
    if not outcomes:
        return ""
    lines, room = [""], 0
    for state in states_of(outcomes):
        look = look_of(state)
        entry = f"{look.ascii if ascii else look.symbol} {state}"
        if room and room + cells(entry) + 3 > width:
            lines.append("")
            room = 0
        lines[-1] += ("   " if room else "") + (painter(state, entry) if painter else entry)
        room += cells(entry) + (3 if room else 0)
    return "\n" + "\n".join(lines) + "\n"


class _List:
    """Every node at its layer, with the arrows that leave it."""

    def __init__(
        self, view: GraphView, outcomes: Outcomes | None, width: int, ascii: bool, painter: Painter | None
    ) -> None:
        self._view = view
        self._outcomes = outcomes
        self._width = max(width, 24)
        self._ascii = ascii
        self._painter = painter
        self._titles = {box.id: box.title for box in view.boxes}
        self._outgoing: dict[str, list[Arrow]] = {}
        for arrow in view.arrows:
            self._outgoing.setdefault(arrow.source, []).append(arrow)
        self._tee, self._corner, self._bar = ("|-", "`-", "|") if ascii else ("├─", "└─", "│")

    def text(self) -> str:
        lines = [line for layer, boxes in enumerate(self._layers(), 1) for line in self._layer(layer, boxes)]
        text = "\n".join(lines) + "\n"
        return text.translate(_TO_ASCII) if self._ascii else text

    def _layers(self) -> list[list[Box]]:
        numbers = {box.id: number for number, box in enumerate(self._view.boxes)}
        links = [
            Link(numbers[arrow.source], numbers[arrow.target], is_back=arrow.kind == "back")
            for arrow in self._view.arrows
        ]
        _, layers = layered(len(numbers), links, loop_order(self._view, numbers))
        rows: list[list[Box]] = [[] for _ in range(max(layers) + 1)]
        for box, layer in zip(self._view.boxes, layers, strict=True):
            rows[layer].append(box)
        return rows

    def _layer(self, layer: int, boxes: list[Box]) -> Iterator[str]:
        for place, box in enumerate(boxes):
            number = f"{layer:>3} " if place == 0 else "    "
            yield number + self._node(box)
            arrows = [*self._arrows(self._outgoing.get(box.id, []))]
            for rank, (words, targets) in enumerate(arrows, 1):
                last = rank == len(arrows)
                yield from self._wrapped(self._corner if last else self._tee, words, targets, last)

    def _node(self, box: Box) -> str:
        outcome = self._outcomes.get(box.id) if self._outcomes else None
        head = " ".join([*_symbols(box, outcome, self._ascii), box.title])
        state = [visible(outcome.sentence)] if outcome else []
        line = elide(" · ".join([head, *state, *box.type_line, *box.notes]), self._width - 4)
        return self._painter(outcome.state, line) if self._painter and outcome else line

    def _arrows(self, arrows: list[Arrow]) -> Iterator[tuple[str, list[str]]]:
        """Arrows with the same words go on one line."""
        head = ">" if self._ascii else "►"
        grouped: dict[str, list[str]] = {}
        for arrow in arrows:
            words = {"edge": "", "back": "again ", "fallback": ""}[arrow.kind] + arrow.label
            lead = f" {elide(words.strip(), _LONGEST_LINE)} {head}" if words else head
            grouped.setdefault(lead, []).append(self._titles[arrow.target])
        yield from grouped.items()

    def _wrapped(self, stem: str, words: str, targets: list[str], last: bool) -> Iterator[str]:
        """The names after their stem, on as many lines as they need; the stem's line goes on beside them."""
        line = f"      {stem}{words}"
        indent = " " * 6 + (" " if last else self._bar) + " " * 3
        for place, target in enumerate(targets):
            text = target + ("," if place + 1 < len(targets) else "")
            if (place or len(words) > 1) and cells(line) + cells(text) + 1 > self._width:
                yield line
                line = indent + text
            else:
                line += f" {text}"
        yield line
