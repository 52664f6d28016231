"""The name that was probably meant."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from difflib import get_close_matches

#: Comparing is slow: of many names only those that begin and end most alike are looked at closely.
_CANDIDATES = 60
#: So many names are listed when none is alike.
_FEW = 12
#: How alike two names are at least if one is the other, mistyped: `is_mistyped` has the last word.
MISTYPED = 0.8


def nearest(name: str, names: Iterable[str], cutoff: float = 0.6) -> str | None:
    """The one of `names` that is most like `name`, or None if none is alike."""
    if len(name) > 200:
        return None
    fold = name.lower()
    alike = [
        other for other in names if abs(len(other) - len(name)) <= max(2, len(name) // 2) and other != name
    ]
    if len(alike) > _CANDIDATES:
        alike = heapq.nlargest(_CANDIDATES, alike, key=lambda other: _shared(fold, other.lower()))
    folded = {other.lower(): other for other in reversed(alike)}
    found = get_close_matches(fold, list(folded), n=1, cutoff=cutoff)
    return folded[found[0]] if found else None


def is_mistyped(name: str, near: str) -> bool:
    """Whether two names that are alike are probably meant to be one, where both could exist: not `row1`, `row2`."""
    if _without_digits(name) == _without_digits(near):
        return False
    is_swapped = sorted(name.lower()) == sorted(near.lower())
    return is_swapped or nearest(name, [near], cutoff=0.85) is not None


def _without_digits(name: str) -> str:
    return "".join(character for character in name if not character.isdigit())


def did_you_mean(name: str, names: Iterable[str]) -> str | None:
    """A hint with the nearest name, or with all of them when they are few."""
    known = list(names)
    near = nearest(name, known)
    if near is not None:
        return f"did you mean '{near}'?"
    if 0 < len(known) <= _FEW:
        return "known are: " + ", ".join(sorted(known))
    return None


def _shared(one: str, other: str) -> int:
    """How many characters two names share at their beginning and at their end."""
    most = min(len(one), len(other))
    start = next((place for place in range(most) if one[place] != other[place]), most)
    end = next((place for place in range(most) if one[-1 - place] != other[-1 - place]), most)
    return start + end


class Speller:
    """Nearest names out of one large set; each question is answered once, and only so many of them."""

    #: Names that are looked at in all: comparing with all ids of a large blueprint takes milliseconds.
    BUDGET = 150_000

    def __init__(self, names: Iterable[str]) -> None:
        self._names = list(names)
        self._left = self.BUDGET
        self._known: dict[tuple[str, float], str | None] = {}

    def nearest(self, name: str, cutoff: float = 0.6) -> str | None:
        """The nearest name; None if there is none, or too many were asked for."""
        key = (name, cutoff)
        if key not in self._known:
            self._left -= len(self._names)
            if self._left < 0:
                return None
            self._known[key] = nearest(name, self._names, cutoff)
        return self._known[key]

    def hint(self, name: str) -> str | None:
        """`did_you_mean` within the budget."""
        if len(self._names) <= _FEW:
            return did_you_mean(name, self._names)
        near = self.nearest(name)
        return f"did you mean '{near}'?" if near is not None else None
