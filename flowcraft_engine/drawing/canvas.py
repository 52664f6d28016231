"""The canvas: a grid of terminal cells on which lines join by themselves and text has a style name."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby

from flowcraft_engine.drawing.text import cells

#: Gets a style name (a state, or empty) and text; returns the text as it is to be written.
Painter = Callable[[str, str], str]

NORTH, EAST, SOUTH, WEST = 1, 2, 4, 8
_LINES = " ╵╶└╷│┌├╴┘─┴┐┤┬┼"
_ASCII_LINES = " |-+||++-+-++++" + "+"
_ROUND = {"┌": "╭", "┐": "╮", "└": "╰", "┘": "╯"}


class Canvas:
    """Cells by (x, y). Text hides lines."""

    def __init__(self, *, ascii: bool = False) -> None:
        self._ascii = ascii
        self._lines: dict[tuple[int, int], int] = {}
        self._dashed: set[tuple[int, int]] = set()
        self._round: set[tuple[int, int]] = set()
        self._text: dict[tuple[int, int], str] = {}
        self._style: dict[tuple[int, int], str] = {}

    def line(self, start: tuple[int, int], end: tuple[int, int], *, dashed: bool = False) -> None:
        """A line along a row or a column; its ends join whatever is there."""
        (x, y), (to_x, to_y) = min(start, end), max(start, end)
        forward, backward = (EAST, WEST) if y == to_y else (SOUTH, NORTH)
        step_x, step_y = (1, 0) if y == to_y else (0, 1)
        while (x, y) != (to_x, to_y):
            self._join((x, y), forward, dashed)
            x, y = x + step_x, y + step_y
            self._join((x, y), backward, dashed)

    def _join(self, cell: tuple[int, int], bits: int, dashed: bool) -> None:
        if dashed and cell not in self._lines:
            self._dashed.add(cell)
        elif not dashed:
            self._dashed.discard(cell)
        self._lines[cell] = self._lines.get(cell, 0) | bits

    def box(self, x: int, y: int, width: int, height: int, style: str, *, rounded: bool) -> None:
        right, bottom = x + width - 1, y + height - 1
        corners = [(x, y), (right, y), (right, bottom), (x, bottom)]
        for start, end in zip(corners, [*corners[1:], corners[0]], strict=True):
            self.line(start, end)
        if rounded:
            self._round.update(corners)
        for column in range(x, right + 1):
            for row in range(y, bottom + 1):
                self._style[column, row] = style

    def write(self, x: int, y: int, text: str, style: str = "") -> None:
        """Text from x on; a character of two columns takes two cells, a joined one none."""
        last = (x, y)
        for character in text:
            width = cells(character)
            if width == 0:
                self._text[last] = self._text.get(last, "") + character
                continue
            last = (x, y)
            self._text[last] = character
            for cell in range(x, x + width):
                self._text.setdefault((cell, y), "")
                self._style[cell, y] = style
            x += width

    def render(self, painter: Painter | None = None) -> str:
        """The text, one line a row, without trailing blanks."""
        return "\n".join(self._row(y, painter) for y in range(self.height)) + "\n"

    @property
    def width(self) -> int:
        return 1 + max((x for x, _ in [*self._lines, *self._text]), default=-1)

    @property
    def height(self) -> int:
        return 1 + max((y for _, y in [*self._lines, *self._text]), default=-1)

    def _row(self, y: int, painter: Painter | None) -> str:
        row = [self._cell(x, y) for x in range(self.width)]
        while row and row[-1][1] == " ":
            row.pop()
        return "".join(_painted(row, painter))

    def _cell(self, x: int, y: int) -> tuple[str, str]:
        cell = (x, y)
        style = self._style.get(cell, "")
        if cell in self._text:
            return style, self._text[cell]
        bits = self._lines.get(cell, 0)
        if self._ascii:
            character = {5: ":", 10: "."}.get(bits) if cell in self._dashed else None
            return style, character or _ASCII_LINES[bits]
        if cell in self._dashed:
            return style, {5: "┆", 10: "┄"}.get(bits, _LINES[bits])
        character = _LINES[bits]
        return style, _ROUND.get(character, character) if cell in self._round else character


def _painted(row: list[tuple[str, str]], painter: Painter | None) -> Iterator[str]:
    for style, group in groupby(row, key=lambda cell: cell[0]):
        text = "".join(character for _, character in group)
        yield painter(style, text) if painter and style else text
