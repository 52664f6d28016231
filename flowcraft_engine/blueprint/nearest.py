"""The name that was probably meant."""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from difflib import get_close_matches

#: Comparing is slow: of many names only those that begin and end most alike are looked at closely.
_CANDIDATES = 60


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


def did_you_mean(name: str, names: Iterable[str]) -> str | None:
    """A hint with the nearest name, or with all of them when they are few."""
    known = list(names)
    near = nearest(name, known)
    if near is not None:
        return f"did you mean '{near}'?"
    if 0 < len(known) <= 12:
        return "known are: " + ", ".join(sorted(known))
    return None


def _shared(one: str, other: str) -> int:
    """How many characters two names share at their beginning and at their end."""
    most = min(len(one), len(other))
    start = next((place for place in range(most) if one[place] != other[place]), most)
    end = next((place for place in range(most) if one[-1 - place] != other[-1 - place]), most)
    return start + end
