"""Where two JSON values differ: the paths, with both values. Lists are compared place by place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from flowcraft_engine.frozen import frozen
from flowcraft_engine.values import JsonValue, same_json


class Absent:
    """Stands for a value that is not there; it has no JSON form."""

    def __repr__(self) -> str:
        return "absent"


ABSENT: Final = Absent()


@frozen
class Change:
    """One difference: at `path` (empty for the whole) there is `old` in the first, `new` in the second."""

    path: str
    old: JsonValue | Absent
    new: JsonValue | Absent

    def to_json(self) -> dict[str, Any]:
        document: dict[str, Any] = {"path": self.path}
        if not isinstance(self.old, Absent):
            document["old"] = self.old
        if not isinstance(self.new, Absent):
            document["new"] = self.new
        return document


def json_changes(old: Any, new: Any, path: str = "") -> Iterator[Change]:
    """The differences, in the order of the first value, then of the second."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in dict.fromkeys([*old, *new]):
            inner = f"{path}.{key}" if path else str(key)
            yield from json_changes(old.get(key, ABSENT), new.get(key, ABSENT), inner)
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            before = old[index] if index < len(old) else ABSENT
            after = new[index] if index < len(new) else ABSENT
            yield from json_changes(before, after, f"{path}[{index}]")
    elif isinstance(old, Absent) or isinstance(new, Absent):
        if old is not new:
            yield Change(path, old, new)
    elif not same_json(old, new):
        yield Change(path, old, new)
