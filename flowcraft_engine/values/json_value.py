"""The one table by which Python's values become JSON values, alike in every mode.

| Python | JSON |
|---|---|
| None, bool, str, int, finite float | itself |
| dict with text keys, list | object, array (copied) |
| tuple, deque, NamedTuple | array |
| dataclass, pydantic model | object of its fields |
| Enum | its value |
| datetime, date, time | ISO 8601 text |
| timedelta | seconds |
| UUID, Decimal, Path | text |

Everything else (NaN, infinities, bytes, sets, generators, cycles, keys that are not text, other objects) is
refused with the path of the bad value.
"""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import json
import pathlib
import types
import uuid
from collections import deque
from collections.abc import Callable
from typing import Any, TypeAlias

from flowcraft_engine.values.json_text import json_text
from flowcraft_engine.values.kept_value import KeptValue

# Values are told apart by their exact type, which the type checker does not follow: hence the ignored rules.

JsonValue: TypeAlias = "bool | int | float | str | list[JsonValue] | dict[str, JsonValue] | None"
JsonObject: TypeAlias = dict[str, JsonValue]

#: Python refuses to print longer integers, and so would every JSON encoder.
_MAX_INT_BITS = 14_000
_MAX_DEPTH = 200
_INFINITY = float("inf")


class NotSerializableError(ValueError):
    """A value that is not JSON: `path` says where (`$.rows[2].at`), `reason` what was found there."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason

    @classmethod
    def too_deep(cls, path: str = "$") -> NotSerializableError:
        """Of a value that cannot be kept, also if this Python can read its text: how deep that may be varies."""
        return cls(path, f"nested more than {_MAX_DEPTH} deep, or a cycle")


def to_json(value: Any) -> JsonValue:
    """A deep copy of `value` made of JSON values only, by the table above.

    Raises `NotSerializableError`. Containers are never shared with the argument, so whoever holds the
    argument can no longer change the result.
    """
    kind = type(value)
    # The four scalars that need no look inside: the hot path of every node.
    if value is None or kind is bool or (kind is int and value.bit_length() <= 64):
        return value  # type: ignore[no-any-return]
    if kind is str and value.isascii():
        return value  # type: ignore[no-any-return]
    return _convert(value, "$", 0)


def _convert(value: Any, path: str, depth: int) -> JsonValue:
    kind = type(value)
    if value is None or kind is bool:
        return value  # type: ignore[no-any-return]
    if kind is str:
        return _text(value, path)
    if kind is int:
        if value.bit_length() > _MAX_INT_BITS:
            raise NotSerializableError(path, "an integer of more than 4,000 digits")
        return value  # type: ignore[no-any-return]
    if kind is float:
        if value != value or value in (_INFINITY, -_INFINITY):
            raise NotSerializableError(path, f"{value} is not a JSON number")
        return value  # type: ignore[no-any-return]
    if depth > _MAX_DEPTH:
        raise NotSerializableError.too_deep(_shorten(path))
    if kind is dict:
        return _object(value, path, depth)
    if kind is list:
        return [_convert(item, f"{path}[{index}]", depth + 1) for index, item in enumerate(value)]
    return _convert_other(value, path, depth)


def _object(value: dict[Any, Any], path: str, depth: int) -> JsonObject:
    result: JsonObject = {}
    for key, item in value.items():
        if not isinstance(key, str):
            raise NotSerializableError(path, f"the key {key!r} is {_a(key)}, keys must be text")
        plain_key = key if type(key) is str else str.__str__(key)
        result[_text(plain_key, path)] = _convert(item, f"{path}.{plain_key}", depth + 1)
    return result


def _text(value: str, path: str) -> str:
    if not value.isascii():
        try:
            value.encode()
        except UnicodeEncodeError:
            raise NotSerializableError(
                path, "text with half of a surrogate pair, which no encoding can carry"
            ) from None
    return value


def _convert_other(value: Any, path: str, depth: int) -> JsonValue:
    """The rarer rows of the table; subclasses of the plain types come through here too."""
    if isinstance(value, enum.Enum):
        return _convert(value.value, path, depth + 1)
    if isinstance(value, str):
        return _text(str.__str__(value), path)
    if isinstance(value, int):
        return _convert(int(value), path, depth)
    if isinstance(value, float):
        return _convert(float(value), path, depth)
    if isinstance(value, dict):
        return _object(value, path, depth)
    if isinstance(value, (list, tuple, deque)):
        return [_convert(item, f"{path}[{index}]", depth + 1) for index, item in enumerate(value)]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return _object(fields, path, depth)
    if isinstance(value, (datetime.datetime, datetime.date, datetime.time)):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, (uuid.UUID, decimal.Decimal, pathlib.PurePath)):
        return str(value)
    dump = getattr(value, "model_dump", None)
    if dump is not None and hasattr(type(value), "model_fields"):
        return _convert(dump(mode="python"), path, depth + 1)
    missing = ": an await is missing" if isinstance(value, types.CoroutineType) else ""
    raise NotSerializableError(path, f"{_a(value)} is not a JSON value{missing}")


def copy_json(value: JsonValue) -> JsonValue:
    """A deep copy of a value that is known to be JSON; scalars are returned as they are."""
    kind = type(value)
    if kind is dict:
        return {key: copy_json(item) for key, item in value.items()}  # type: ignore[union-attr]
    if kind is list:
        return [copy_json(item) for item in value]  # type: ignore[union-attr]
    return value


_quoted: Callable[[Any], str] = json.encoder.encode_basestring


def json_size(value: JsonValue) -> int:
    """The length of the value's compact JSON text, in characters; a round figure for scalars.

    The same in every process of a fleet, whether the value is at hand there or kept elsewhere.
    """
    kind = type(value)
    if kind is str:
        return len(_quoted(value))
    if kind is dict or kind is list:
        try:
            return len(json_text(value))
        except TypeError:  # something in it is kept elsewhere
            return _size_with_kept(value)
    return value.size if isinstance(value, KeptValue) else 8


def _size_with_kept(value: Any) -> int:
    kind = type(value)
    if kind is KeptValue:
        return int(value.size)
    if kind is list:
        return 2 + sum(map(_size_with_kept, value)) + max(0, len(value) - 1)
    if kind is dict:
        fields = sum(len(json_text(key)) + 1 + _size_with_kept(item) for key, item in value.items())
        return 2 + fields + max(0, len(value) - 1)
    return len(json_text(value))


def same_json(one: Any, other: Any) -> bool:
    """Equal as JSON: `true` is not 1, and 1 is not 1.0."""
    if one is other:
        return True
    kind = type(one)
    if kind is not type(other):
        return False
    if kind is dict:
        return one.keys() == other.keys() and all(same_json(value, other[key]) for key, value in one.items())
    if kind is list:
        return len(one) == len(other) and all(map(same_json, one, other))
    return bool(one == other)


def _a(value: object) -> str:
    name = type(value).__name__
    return f"{'an' if name[0] in 'aeiouAEIOU' else 'a'} {name}"


def _shorten(path: str) -> str:
    return path if len(path) <= 60 else path[:57] + "…"
