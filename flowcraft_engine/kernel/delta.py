"""Context deltas: what a node's commit does to the run's context."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from flowcraft_engine.values import JsonObject


class DeltaConflictError(ValueError):
    """Another node has meanwhile given the key a value that the change cannot be applied to."""


def check_delta(context: JsonObject, changes: Iterable[Sequence[Any]]) -> None:
    """Raises `DeltaConflictError` if `apply_delta` could not be done to a copy of `context`."""
    apply_delta(dict(context), changes)


def apply_delta(context: JsonObject, changes: Iterable[Sequence[Any]]) -> None:
    """Apply `(operation, key, operand)` changes in order. Lists are replaced, never changed in place."""
    for operation, key, operand in changes:
        if operation == "set":
            context[key] = operand
        elif operation == "delete":
            context.pop(key, None)
        elif operation == "increment":
            current = context.get(key, 0)
            if isinstance(current, bool) or not isinstance(current, (int, float)):
                raise DeltaConflictError(
                    f"context key {key!r} is not a number any more, it cannot be incremented"
                )
            context[key] = _sum(key, current, operand)
        else:
            items = context.get(key, [])
            if not isinstance(items, list):
                raise DeltaConflictError(
                    f"context key {key!r} is not a list any more, nothing can be appended"
                )
            context[key] = [*items, operand]


def _sum(key: str, current: float, operand: float) -> float:
    try:
        total = current + operand
    except OverflowError:  # a float and a whole number that no float can hold
        total = math.inf
    if not isinstance(total, int) and not math.isfinite(total):
        raise DeltaConflictError(f"context key {key!r} is too large to be incremented by {operand!r}")
    return total
