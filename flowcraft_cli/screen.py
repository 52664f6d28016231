"""How wide a text may be: that of the terminal; a hundred characters where there is none."""

from __future__ import annotations

import shutil
import textwrap

from flowcraft_cli.colour import Stream, is_terminal

_NARROWEST = 24


def width_of_screen(elsewhere: int = 100) -> int:
    return max(40, shutil.get_terminal_size((elsewhere, 24)).columns)


def folded(text: str, indent: int, stream: Stream) -> list[str]:
    """Lines for the right of a column that is `indent` wide: in a terminal such that fit; elsewhere one, so that it
    can be searched.
    """
    if not is_terminal(stream):
        return [text]
    room = max(_NARROWEST, shutil.get_terminal_size((80, 24)).columns - indent - 1)
    return textwrap.wrap(text, room, break_long_words=False, break_on_hyphens=False) or [""]
