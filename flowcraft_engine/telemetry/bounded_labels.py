"""Keeps the number of time series bounded, whatever blueprints somebody thinks of."""

from __future__ import annotations

from typing import Final

OTHER: Final = "other"


class BoundedLabels:
    """Lets the first `most` pairs through; all later ones are `other`."""

    def __init__(self, most: int = 200) -> None:
        self._most = most
        self._known: set[tuple[str, str]] = set()

    def of(self, blueprint: str, node_type: str) -> tuple[str, str]:
        pair = blueprint, node_type
        if pair in self._known:
            return pair
        if len(self._known) >= self._most:
            return OTHER, OTHER
        self._known.add(pair)
        return pair
