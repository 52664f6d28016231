"""All texts in a value, each with its path."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def texts_in(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], str]]:
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        if type(item) is str:
            yield (*path, key), item
        elif item and isinstance(item, (dict, list)):
            yield from texts_in(item, (*path, key))
