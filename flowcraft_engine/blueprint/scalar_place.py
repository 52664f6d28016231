"""From a character of a text value to its character in the file: quotes, escapes, folding and
indentation between.
"""

from __future__ import annotations

_SPACE = " \t\r\n"
_ESCAPE_LENGTHS = {"x": 4, "u": 6, "U": 10}


def scalar_place(text: str, at: int, value: str, offset: int) -> int:
    """The offset in `text` of `value[offset]`, where the scalar begins at `at`; `at` itself if it cannot
    be told.

    The two are walked side by side. Blanks that only one of them has come from folding or indentation.
    """
    at = _after_properties(text, at)
    style = text[at : at + 1]
    if style in ("|", ">"):
        end = text.find("\n", at)
        source = len(text) if end < 0 else end + 1
    else:
        source = at + (style in ('"', "'"))
    place = 0
    while place < offset and source < len(text):
        wanted, found = value[place], text[source]
        if found == "\\" and style == '"':
            length, made = _escape(text, source)
            source, place = source + length, place + made
        elif found == "'" and style == "'":
            source, place = source + 2, place + 1
        elif wanted == found:
            source, place = source + 1, place + 1
        elif found in _SPACE:
            source += 1
        elif wanted in _SPACE:
            place += 1
        else:
            return at
    if offset < len(value) and value[offset] not in _SPACE:
        while source < len(text) and text[source] in _SPACE:
            source += 1
    return min(source, len(text))


def _after_properties(text: str, at: int) -> int:
    """Behind an anchor, where the value itself begins."""
    while text[at : at + 1] == "&":
        while at < len(text) and text[at] not in _SPACE:
            at += 1
        while at < len(text) and text[at] in _SPACE:
            at += 1
    return at


def _escape(text: str, at: int) -> tuple[int, int]:
    """How long an escape is, and how many characters it makes."""
    kind = text[at + 1 : at + 2]
    if kind in ("\n", "\r"):
        end = at + 1
        while end < len(text) and text[end] in _SPACE:
            end += 1
        return end - at, 0
    length = _ESCAPE_LENGTHS.get(kind, 2)
    is_pair = kind == "u" and text[at + 2 : at + 4].lower() in ("d8", "d9", "da", "db")
    return (12, 1) if is_pair else (length, 1)
