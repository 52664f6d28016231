"""User data as text that cannot move a cursor: control characters are shown escaped."""

from __future__ import annotations

import sys


def safe(text: object, *, lines: bool = False) -> str:
    """`text` with what is not printable escaped (`\\x1b`); with `lines` line ends and tabs stay."""
    plain = str(text)
    if plain.isprintable():
        return plain
    return "".join(
        character if character.isprintable() or (lines and character in "\n\t") else _escaped(character)
        for character in plain
    )


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def clip(text: str, width: int) -> str:
    """`text` in at most `width` characters, an ellipsis saying that something is left out."""
    if len(text) <= width:
        return text
    sign = _ellipsis()
    return text[: max(width - len(sign), 0)] + sign


def _ellipsis() -> str:
    """As wide as it will be shown: a stream that has no such sign gets three dots for it."""
    try:
        for stream in (sys.stdout, sys.stderr):
            "…".encode(getattr(stream, "encoding", None) or "utf-8")
    except (UnicodeEncodeError, LookupError):
        return "..."
    return "…"
