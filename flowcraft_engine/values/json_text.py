"""JSON as text, fast: every node's events are written with it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import orjson

#: What stands for a value is none: it must not slip into JSON as an object of its fields.
_OPTIONS = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode


def json_text(value: Any) -> str:
    """Compact JSON. Raises `TypeError` or `ValueError` for what is no JSON."""
    try:
        return orjson.dumps(value, option=_OPTIONS).decode()
    except TypeError:
        # Whole numbers of more than 64 bits, which only Python's own encoder writes.
        return _encode(value)


def json_rows(rows: Iterable[tuple[Any, ...]]) -> str:
    """An array of tuples, named ones too, which orjson takes for objects of a class of their own."""
    return json_text(list(map(tuple, rows)))
