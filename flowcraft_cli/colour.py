"""When to use colour, and the few colours that are used."""

from __future__ import annotations

import os
import sys
from typing import Literal

Stream = Literal["stdout", "stderr"]


def is_terminal(stream: Stream) -> bool:
    """True for a terminal that can move its cursor, in front of which somebody sits."""
    if os.environ.get("CI") or os.environ.get("TERM") == "dumb":
        return False
    return _is_tty(stream)


def wants_colour(stream: Stream) -> bool:
    """`NO_COLOR` forbids colour, `FORCE_COLOR` forces it; else it is for terminals."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR", "0") not in ("", "0"):
        return True
    return os.environ.get("TERM") != "dumb" and _is_tty(stream)


def _is_tty(stream: Stream) -> bool:
    file = getattr(sys, stream)
    # While nodes run, what they are told of their streams is not for us.
    file = getattr(file, "beneath", file)
    try:
        return file is not None and bool(file.isatty())
    except ValueError:  # it is closed
        return False


class Palette:
    """Text in colours, or as it is."""

    def __init__(self, is_on: bool) -> None:
        self.is_on = is_on

    def style(self, text: str, codes: str) -> str:
        return f"\x1b[{codes}m{text}\x1b[0m" if self.is_on and text else text

    def bold(self, text: str) -> str:
        return self.style(text, "1")

    def dim(self, text: str) -> str:
        return self.style(text, "2")

    def red(self, text: str) -> str:
        return self.style(text, "1;31")

    def yellow(self, text: str) -> str:
        return self.style(text, "33")

    def green(self, text: str) -> str:
        return self.style(text, "32")

    def cyan(self, text: str) -> str:
        return self.style(text, "36")


def palette_for(stream: Stream) -> Palette:
    return Palette(wants_colour(stream))
