"""A value that is kept elsewhere: what stands in its place until somebody needs it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flowcraft_engine.frozen import frozen
from flowcraft_engine.values.json_text import json_text


@frozen
class KeptValue:
    """The place of a large value: a digest to fetch it by, and its length as JSON text.

    A store may put it wherever a node's value stands in a run's state. It is equal to nothing but itself, so a
    comparison with the value it stands for errs on the side of "has changed".
    """

    digest: str
    size: int
    is_list: bool = False
    #: What was appended to the list since it was kept.
    added: tuple[Any, ...] = ()

    def with_added(self, item: Any) -> KeptValue:
        """The kept list with a further item, which may be kept elsewhere itself."""
        size = item.size if type(item) is KeptValue else len(json_text(item))
        return replace(self, size=self.size + size + 1, added=(*self.added, item))


def is_kept(value: Any) -> bool:
    """True if a value of the context, or an item that was appended to it, is kept elsewhere."""
    if type(value) is list:
        return any(type(item) is KeptValue for item in value)
    return type(value) is KeptValue


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
