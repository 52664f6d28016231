"""A file as plain data, and where each piece of it stands. The readers for YAML and JSON make it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from flowcraft_engine.blueprint.source import SourceText

#: Mappings of so many keys are searched without an index.
_SMALL = 16


@dataclass(slots=True)
class Document:
    """Plain JSON data in `root`, with the offset of every key and value.

    `marks` maps `id(container)` to offsets: `[start, value, value, …]` of a list, `[start, key, value, key,
    value, …]` of a mapping, in its order. The containers live as long as `root`, so their ids stay theirs.
    """

    source: SourceText
    root: Any
    marks: dict[int, list[int]] = field(default_factory=dict)
    root_at: int = 0
    #: Offsets of numbers that were written without quotes: only these can be read as text.
    is_json: bool = False
    _numbers: dict[int, dict[str, int]] = field(default_factory=dict)

    def start(self, container: Any) -> int | None:
        """Where a mapping or a list begins."""
        marks = self.marks.get(id(container))
        return marks[0] if marks else None

    def key_at(self, container: Any, key: str) -> int | None:
        """Where `key` itself is written."""
        return self._mapping_mark(container, key, 1)

    def value_at(self, container: Any, key: str | int) -> int | None:
        """Where the value of `key`, or of a list's item, begins."""
        if isinstance(key, str):
            return self._mapping_mark(container, key, 2)
        marks = self.marks.get(id(container))
        return marks[key + 1] if marks and key + 1 < len(marks) else None

    def _mapping_mark(self, container: Any, key: str, which: int) -> int | None:
        marks = self.marks.get(id(container))
        if not marks or key not in container:
            return None
        return marks[2 * self._place(container, key) + which]

    def _place(self, container: dict[str, Any], key: str) -> int:
        """The position of a key in its mapping; large mappings are numbered once."""
        if len(container) <= _SMALL:
            return list(container).index(key)
        numbers = self._numbers.get(id(container))
        if numbers is None:
            numbers = {name: place for place, name in enumerate(container)}
            self._numbers[id(container)] = numbers
        return numbers[key]
