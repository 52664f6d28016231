"""How wide a text may be: that of the terminal; a hundred characters where there is none."""

from __future__ import annotations

import shutil


def width_of_screen() -> int:
    return max(40, shutil.get_terminal_size((100, 24)).columns)
