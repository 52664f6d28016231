"""Text as it is shown: hostile characters made visible, widths estimated, long text shortened."""

from __future__ import annotations

import unicodedata

#: Characters that would turn the reading order of what stands around them.
_BIDI_CONTROLS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_NARROW = frozenset("fijlrtI.,:;'|!()[] ")
_BROAD = frozenset("mwMW@%&")
ELLIPSIS = "…"


def visible(text: str) -> str:
    r"""The text without anything that a terminal, a browser or a reader could be misled by.

    >>> visible("a\x1b[2Jb")
    'a\\x1b[2Jb'
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(character) for character in text)


def _shown(character: str) -> str:
    category = unicodedata.category(character)
    if category == "Cf" and character not in _BIDI_CONTROLS:
        return character  # joiners belong to emoji and to many scripts
    code = ord(character)
    is_no_character = code & 0xFFFE == 0xFFFE or 0xFDD0 <= code <= 0xFDEF
    if is_no_character or character in _BIDI_CONTROLS or category in ("Cc", "Cs", "Co", "Zl", "Zp"):
        if code > 0xFFFF:
            return f"\\U{code:08x}"
        return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
    return character


def cells(text: str) -> int:
    """How many terminal columns the text takes."""
    if text.isascii():
        return len(text)
    return sum(_cells_of(character) for character in text)


def _cells_of(character: str) -> int:
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in ("W", "F") else 1


def pixels(text: str, size: float) -> float:
    """How wide the text is in a common sans-serif font, estimated for a broad one so that it always fits."""
    return sum(_hundredths(character) for character in text) * size / 100


def _hundredths(character: str) -> int:
    """The width in hundredths of the font's size: whole numbers, whose sum is the same on every Python."""
    if character in _NARROW:
        return 40
    if character in _BROAD:
        return 98
    if character.isascii():
        return 70 if character.isupper() else 62
    return (0, 68, 125)[_cells_of(character)]


def elide(text: str, columns: int) -> str:
    """The text, cut with an ellipsis in place of its last characters when it is wider than `columns`."""
    if cells(text) <= columns:
        return text
    kept: list[str] = []
    room = columns - 1
    for character in text:
        room -= _cells_of(character)
        if room < 0:
            break
        kept.append(character)
    return "".join(kept).rstrip() + ELLIPSIS
