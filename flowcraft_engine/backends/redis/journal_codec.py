"""Events as text, with large values left out: those are kept once, by digest, and fetched by who needs them.

A run's journal is read by every process that executes the run. What a node returned matters to the few that work on
its successors, so its journal entry has only the digest and the size of whatever is large.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

from flowcraft_engine.kernel.event import Event
from flowcraft_engine.values import KeptValue, json_rows, json_text

#: Steps shorter than this are written as they are.
_SMALL_STEP = 1024
#: The shortest value that is kept apart, in characters of JSON.
_LARGE_VALUE = 512
#: Keys of an event's data under which a value of the user stands.
_VALUE_KEYS = ("output", "outputs", "entry", "carry")
#: Keys of an event's data under which an object of such values stands.
_OBJECT_KEYS = ("inputs", "context", "values")


class EncodedStep:
    """Events as JSON text. What was left out is listed in `kept`, as `[event, path, digest, size, is_list]`.

    `values` has its text, by digest.
    """

    __slots__ = ("events", "kept", "values")

    def __init__(self, events: str, kept: list[Any], values: dict[str, str]) -> None:
        self.events = events
        self.kept = kept
        self.values = values


def encode_step(events: list[Event], *, has_kept: bool) -> EncodedStep:
    """`has_kept` says that values of the run may be kept elsewhere already, so that a look inside is due."""
    if not has_kept:
        text = json_rows(events)
        if len(text) <= _SMALL_STEP:
            return EncodedStep(text, [], {})
    lifting = _Lifting()
    lifted = [lifting.lift(index, event) for index, event in enumerate(events)]
    return EncodedStep(json_text(lifted), lifting.kept, lifting.values)


class _Lifting:
    """Takes large values out of events."""

    def __init__(self) -> None:
        self.kept: list[Any] = []
        self.values: dict[str, str] = {}

    def lift(self, index: int, event: Event) -> tuple[Any, ...]:
        data = event.data
        if type(data) is dict:
            data = self._object(index, data)
        elif type(data) is list:
            data = self._list(index, [], data)
        return (*event[:4], data)

    def _object(self, index: int, data: dict[str, Any]) -> dict[str, Any]:
        result = dict(data)
        for key in _VALUE_KEYS:
            if key in result:
                result[key] = self._value(index, [key], result[key])
        for key in _OBJECT_KEYS:
            inner = result.get(key)
            if type(inner) is dict:
                result[key] = {name: self._value(index, [key, name], it) for name, it in inner.items()}
        if result.get("delta"):
            result["delta"] = [
                [operation, name, self._value(index, ["delta", place, 2], operand)]
                for place, (operation, name, operand) in enumerate(result["delta"])
            ]
        return result

    def _list(self, index: int, path: list[Any], items: list[Any]) -> list[Any]:
        return [self._value(index, [*path, place], item) for place, item in enumerate(items)]

    def _value(self, index: int, path: list[Any], value: Any) -> Any:
        kind = type(value)
        if kind is KeptValue:
            assert not value.added, "a value of the context, not of a node"
            self.kept.append([index, path, value.digest, value.size, int(value.is_list)])
            return None
        if (kind is str and len(value) >= _LARGE_VALUE) or kind is dict or kind is list:
            text = json_text(value)
            if len(text) >= _LARGE_VALUE:
                digest = digest_of(text)
                self.values[digest] = text
                self.kept.append([index, path, digest, len(text), int(kind is list)])
                return None
        return value


def digest_of(text: str) -> str:
    return blake2b(text.encode(), digest_size=16).hexdigest()


def decode_step(events: str | bytes, kept: str | bytes) -> list[Event]:
    """The events of a step; what was left out is a `KeptValue`."""
    rows = json.loads(events)
    if kept:
        for index, path, digest, size, is_list in json.loads(kept):
            place = rows[index][4]
            for part in path[:-1]:
                place = place[part]
            place[path[-1]] = KeptValue(digest, size, bool(is_list))
    return [Event(*row) for row in rows]


def kept_in(value: Any) -> Iterable[KeptValue]:
    """Everything in `value` that is kept elsewhere."""
    kind = type(value)
    if kind is KeptValue:
        yield value
        yield from kept_in(value.added)
    elif kind is dict:
        for item in value.values():
            yield from kept_in(item)
    elif kind is list or kind is tuple:
        for item in value:
            yield from kept_in(item)


def fill_in(value: Any, values: dict[str, Any]) -> Any:
    """`value` with everything that was kept elsewhere in its place."""
    kind = type(value)
    if kind is KeptValue:
        if value.added:
            return [*values[value.digest], *fill_in(value.added, values)]
        return values[value.digest]
    if kind is dict:
        return {key: fill_in(item, values) for key, item in value.items()}
    if kind is list or kind is tuple:
        return [fill_in(item, values) for item in value]
    return value
