"""What can be made again when somebody needs it: only the latest stays in memory."""

from __future__ import annotations

from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")
_KEPT = 256


class Recent(dict[K, V]):
    """Plans, and what belongs to them: where a blueprint is loaded, or made, for each run, they must not add up.

    Entries are made by `[key] = …` only.
    """

    def __setitem__(self, key: K, value: V) -> None:
        super().__setitem__(key, value)
        if len(self) > _KEPT:
            del self[next(iter(self))]
