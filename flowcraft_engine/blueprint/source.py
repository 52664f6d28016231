"""The text of a blueprint file, and the places in it. Knows nothing of YAML."""

from __future__ import annotations

import re
from bisect import bisect_right
from functools import cached_property
from itertools import accumulate

from flowcraft_engine.blueprint.finding import SourceLocation

_LINE_END = re.compile(r"\r\n|\n|\r")
_EXCERPT_WIDTH = 120
#: Where in an excerpt that begins with an ellipsis the character stands that it was cut around, counted from 0.
CUT_AROUND = _EXCERPT_WIDTH // 2


class SourceText:
    """A text and the name that the user knows it by; an offset (characters from 0) becomes a line and a
    column.
    """

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text

    @cached_property
    def _starts(self) -> list[int]:
        if "\r" not in self.text:
            # The same, five times as fast.
            ends = accumulate([len(line) + 1 for line in self.text.split("\n")])
            return [0, *ends][:-1]
        return [0, *(match.end() for match in _LINE_END.finditer(self.text))]

    def location(self, offset: int) -> SourceLocation:
        """The place of a character; an offset behind the end is the end."""
        offset = max(0, min(offset, len(self.text)))
        line = bisect_right(self._starts, offset)
        return SourceLocation(self.name, line, offset - self._starts[line - 1] + 1)

    def excerpt(self, offset: int) -> str:
        """The line of a character, cut around it to a sane width, with control characters made visible."""
        place = self.location(offset)
        start = self._starts[place.line - 1]
        ending = _LINE_END.search(self.text, start)
        line = self.text[start : ending.start() if ending else len(self.text)]
        if len(line) > _EXCERPT_WIDTH:
            left = max(0, place.column - CUT_AROUND)
            right = left + _EXCERPT_WIDTH
            line = ("…" if left else "") + line[left:right] + ("…" if right < len(line) else "")
        return printable(line.rstrip())


def printable(text: str, width: int | None = None) -> str:
    """`text` without the power to move a cursor or turn a line around: such characters are shown escaped."""
    if width is not None and len(text) > width:
        text = text[: width - 1] + "…"
    if text.isprintable():
        return text
    return "".join(
        character if character.isprintable() or character == "\t" else _escaped(character)
        for character in text
    )


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")
