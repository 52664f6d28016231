"""Context deltas: what a node's commit does to the run's context."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from flowcraft_engine.kernel.commands import ABSENT
from flowcraft_engine.values import JsonObject, KeptValue, json_size


class DeltaConflictError(ValueError):
    """Another node has meanwhile given the key a value that the change cannot be applied to."""


def changed_keys(context: JsonObject, changes: Iterable[Sequence[Any]]) -> dict[str, Any]:
    """The keys that `(operation, key, operand)` changes touch, with their new values (`ABSENT`: deleted).

    Lists are replaced, never changed in place. Raises `DeltaConflictError`; `context` is not changed.
    """
    result: dict[str, Any] = {}
    grown: set[str] = set()  # keys whose lists in the result are its own
    for operation, key, operand in changes:
        if operation == "append" and key in grown:
            result[key].append(operand)  # a copy for each item would cost the square of their number
            continue
        current = result[key] if key in result else context.get(key, ABSENT)
        if operation == "set":
            result[key] = operand
        elif operation == "delete":
            result[key] = ABSENT
        elif operation == "increment":
            result[key] = _sum(key, 0 if current is ABSENT else current, operand)
        else:
            result[key] = _with_item(key, [] if current is ABSENT else current, operand)
            if type(result[key]) is list:
                grown.add(key)
                continue
        grown.discard(key)
    return result


def growth(context: JsonObject, changed: dict[str, Any]) -> int:
    """By how many characters of JSON the context grows, about: looks only at the changed keys."""
    return sum(_size(key, value) - _size(key, context.get(key, ABSENT)) for key, value in changed.items())


def _size(key: str, value: Any) -> int:
    return 0 if value is ABSENT else len(key) + 4 + json_size(value)


def _with_item(key: str, items: Any, item: Any) -> Any:
    if isinstance(items, list):
        return [*items, item]
    if isinstance(items, KeptValue) and items.is_list:
        return items.with_added(item)
    raise DeltaConflictError(f"context key {key!r} is not a list any more, nothing can be appended")


def _sum(key: str, current: Any, operand: float) -> float:
    if isinstance(current, bool) or not isinstance(current, (int, float)):
        raise DeltaConflictError(f"context key {key!r} is not a number any more, it cannot be incremented")
    total: float
    try:
        total = current + operand
    except OverflowError:  # a float and a whole number that no float can hold
        total = math.inf
    if not isinstance(total, int) and not math.isfinite(total):
        raise DeltaConflictError(f"context key {key!r} is too large to be incremented by {operand!r}")
    return total
