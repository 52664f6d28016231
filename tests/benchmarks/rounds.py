"""Repeats in turn: each round measures everything once, so that load and heat hit all sides alike."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterator, Mapping

Rounds = dict[str, tuple[float, ...]]


def in_turn(count: int, measures: Mapping[str, Callable[[], float]]) -> Rounds:
    """The values of each measure, in rounds: all of them once, then all of them again."""
    taken: dict[str, list[float]] = {name: [] for name in measures}
    for _ in rounds(count):
        for name, measure in measures.items():
            # As `flowcraft run` does once all is loaded: what is there by now is not looked at again and again.
            gc.collect()
            gc.freeze()
            taken[name].append(measure())
    return {name: tuple(values) for name, values in taken.items()}


def rounds(count: int) -> Iterator[int]:
    """Count, and tell the load of the machine before each round."""
    for number in range(1, count + 1):
        print(f"  round {number} of {count}, load {os.getloadavg()[0]:.2f}", file=sys.stderr, flush=True)
        yield number
