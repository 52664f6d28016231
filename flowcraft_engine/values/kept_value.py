"""A value that is kept elsewhere: what stands in its place until somebody needs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class KeptValue:
    """The place of a large value: a digest to fetch it by, and its length as JSON text.

    A store may put it wherever a node's value stands in a run's state. It is equal to nothing but itself, so a
    comparison with the value it stands for errs on the side of "has changed".
    """

    digest: str
    size: int


def has_kept_values(value: Any) -> bool:
    """True if a value, or anything inside of it, is kept elsewhere."""
    kind = type(value)
    if kind is KeptValue:
        return True
    if kind is dict:
        return any(map(has_kept_values, value.values()))
    if kind is list or kind is tuple:
        return any(map(has_kept_values, value))
    return False
