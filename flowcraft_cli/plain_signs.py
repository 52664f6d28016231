"""What is written where a stream cannot show a character: a sign of ours in ASCII, of anything else its escape."""

from __future__ import annotations

import codecs

#: The name of the way to handle errors of encoding, for `reconfigure`.
PLAIN_SIGNS = "flowcraft.plain_signs"
_IN_ASCII = {
    "·": "-",
    "…": "...",
    "→": "->",
    "×": "x",
    "›": ">",
    "»": ">",
    "–": "-",
    "—": "-",
    "─": "-",
    "│": "|",
}


def allow_plain_signs() -> None:
    """Make `PLAIN_SIGNS` known. Doing it again changes nothing."""
    codecs.register_error(PLAIN_SIGNS, _replace)


def _replace(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    found = error.object[error.start : error.end]
    return "".join(_IN_ASCII.get(it) or _escape(it) for it in found), error.end


def _escape(character: str) -> str:
    return character.encode("ascii", "backslashreplace").decode("ascii")
