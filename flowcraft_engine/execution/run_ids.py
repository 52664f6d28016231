"""Ids of runs: what may be one; and new ones, short enough to type, random enough never to meet another."""

from __future__ import annotations

import os
import re

from flowcraft_engine.errors import UsageError

#: What may be the id of a run that is no sub-run.
RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
RUN_ID_RULE = "an id has letters, digits, '.', '_' and '-', at most 64, and begins with a letter or a digit"
#: Run files are told from run ids by the end of their name.
RUN_FILE_SUFFIX = ".fcrun"
_BYTES = 8
_DRAWN = 64


class RunIds:
    """Draws the randomness for many ids at once: to ask the system for each costs more than to start its run."""

    __slots__ = ("_drawn", "_pid")

    def __init__(self) -> None:
        self._drawn: list[str] = []
        self._pid = 0

    def new(self) -> str:
        """An id that nobody has been given, in no process: one that was forked draws anew."""
        if not self._drawn or self._pid != os.getpid():
            self._pid = os.getpid()
            text = os.urandom(_BYTES * _DRAWN).hex()
            size = 2 * _BYTES
            self._drawn = [text[at : at + size] for at in range(0, len(text), size)]
        return self._drawn.pop()


def checked_run_id(run_id: str) -> str:
    """An id that somebody gives to a new run. Raises `UsageError`."""
    if not RUN_ID.fullmatch(run_id):
        raise UsageError(f"{run_id!r} cannot be the id of a run", hint=RUN_ID_RULE)
    if run_id.endswith(RUN_FILE_SUFFIX):
        raise UsageError(
            f"{run_id!r} cannot be the id of a run: commands would look for a run file of that name",
            hint=f"choose an id that does not end with {RUN_FILE_SUFFIX}",
        )
    return run_id
