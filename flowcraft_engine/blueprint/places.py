"""Where the parts of a desugared blueprint stand in its file. Without a file every place is unknown."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from flowcraft_engine.blueprint.document import Document
from flowcraft_engine.blueprint.keys import camel


@dataclass(slots=True)
class EdgePlace:
    """Where an edge was written: by its own mapping, or as a word or a name at `source_at` and
    `target_at`.
    """

    source_at: int | None = None
    target_at: int | None = None
    raw: Any = None


@dataclass(slots=True)
class Places:
    """Answers "where is …" in offsets of the document's text; `None` when nobody knows."""

    document: Document | None = None
    #: Node id → its mapping in the file.
    nodes: dict[str, Any] = field(default_factory=dict)
    #: Node id → the offset of the id.
    ids: dict[str, int | None] = field(default_factory=dict)
    edges: list[EdgePlace] = field(default_factory=list)

    def top(self, *path: str | int) -> int | None:
        if self.document is None:
            return None
        return self._walk(self.document.root, path, self.document.root_at)

    def node(self, node_id: str, *path: str | int) -> int | None:
        """The value at `path` of a node, or the nearest thing around it that is in the file."""
        raw = self.nodes.get(node_id)
        at = self.ids.get(node_id)
        return at if raw is None or not path else self._walk(raw, path, at)

    def node_has(self, node_id: str, key: str) -> bool:
        raw = self.nodes.get(node_id)
        return isinstance(raw, dict) and (key in raw or camel(key) in raw)

    def edge(self, index: int, part: str = "source") -> int | None:
        if index >= len(self.edges):
            return None
        place = self.edges[index]
        default = place.target_at if part == "target" else place.source_at
        if place.raw is None or part in ("source", "target"):
            return default
        return self._walk(place.raw, (part,), default)

    def _walk(self, raw: Any, path: tuple[str | int, ...], default: int | None) -> int | None:
        assert self.document is not None
        at = default
        for part in path:
            if isinstance(part, str):
                if not isinstance(raw, dict):
                    return at
                if part not in raw:
                    part = camel(part)
                if part not in raw:
                    return at
            elif not isinstance(raw, list) or part >= len(raw):
                return at
            at = self.document.value_at(raw, part)
            raw = raw[part]
        return at
