"""How states look in a terminal: never by colour alone."""

from __future__ import annotations

import os
import sys
from typing import Final, NamedTuple

from flowcraft_cli.colour import Palette, Stream
from flowcraft_engine.reports.moments import duration


class Look(NamedTuple):
    symbol: str
    ascii: str
    #: Codes for `Palette.style`, and the same for rich.
    codes: str
    style: str


LOOKS: Final[dict[str, Look]] = {
    "pending": Look("○", ".", "2", "dim"),
    "ready": Look("◎", "o", "34", "blue"),
    "running": Look("▸", ">", "1;34", "bold blue"),
    "retrying": Look("↻", "@", "33", "yellow"),
    "waiting": Look("‖", "=", "35", "magenta"),
    "completed": Look("✓", "+", "32", "green"),
    "failed": Look("✗", "x", "1;31", "bold red"),
    "poisoned": Look("☠", "!", "31", "red"),
    "cancelled": Look("⊘", "/", "33", "yellow"),
    "skipped": Look("»", "-", "2", "dim"),
    "paused": Look("⏸", "=", "36", "cyan"),
    "blocked": Look("⊠", "#", "1;33", "bold yellow"),
    "interrupted": Look("⏸", "=", "33", "yellow"),
}
_UNKNOWN: Final = Look("?", "?", "0", "")


def look_of(state: str) -> Look:
    return LOOKS.get(state, _UNKNOWN)


def has_symbols(stream: Stream) -> bool:
    """Whether the stream's encoding can show the symbols."""
    encoding = getattr(getattr(sys, stream), "encoding", None) or "ascii"
    if os.environ.get("TERM") == "dumb":
        return False
    try:
        "✓○▸…".encode(encoding)
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def symbol_of(state: str, stream: Stream) -> str:
    look = look_of(state)
    return look.symbol if has_symbols(stream) else look.ascii


def marked(state: str, text: str, palette: Palette, stream: Stream) -> str:
    """`✓ text`, in the colour of the state."""
    return palette.style(f"{symbol_of(state, stream)} {text}", look_of(state).codes)


short_duration: Final = duration
