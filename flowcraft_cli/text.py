"""User data as text that cannot move a cursor: control characters are shown escaped."""

from __future__ import annotations


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
    return text if len(text) <= width else text[: max(width - 1, 0)] + "…"
