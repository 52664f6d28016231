"""Whether a word names a run (kept, or in a run file) or a blueprint file."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from flowcraft_cli.kept_run import run_file_of

_SUFFIXES: Final = (".yaml", ".yml", ".json")


def is_file_name(word: str) -> bool:
    """Ids of runs have no folders and do not end like a blueprint; a file that is there is one, and `-` is stdin."""
    if run_file_of(word)[0] is not None:
        return False
    is_path = word in ("-", ".", "..") or "/" in word
    return is_path or word.endswith(_SUFFIXES) or Path(word).is_file()
