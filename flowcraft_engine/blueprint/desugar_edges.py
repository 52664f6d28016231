"""The edges of a written blueprint: mappings or `a -> b` texts, in a list or in a mapping by name."""

from __future__ import annotations

from typing import Any

from flowcraft_engine.blueprint import keys
from flowcraft_engine.blueprint.fields import Fields
from flowcraft_engine.blueprint.places import EdgePlace, Places
from flowcraft_engine.blueprint.source import printable

_EDGE = keys.spellings(keys.EDGE)
_ARROW = "->"
_HINT = "write it as `a -> b`, or as {source: a, target: b}"


class EdgeReader:
    """Reads the edges; an edge that is there already counts once."""

    def __init__(self, fields: Fields, places: Places) -> None:
        self.fields = fields
        self.document = fields.document
        self.report = fields.report
        self.places = places
        self.edges: list[dict[str, Any]] = []
        self._known: set[tuple[Any, ...]] = set()

    def read(self, parent: dict[str, Any], spelling: str | None) -> None:
        if spelling is None:
            return
        raw = parent[spelling]
        if type(raw) is list:
            for place in range(len(raw)):
                self._edge(raw, place)
        elif type(raw) is dict:
            for name in raw:
                if not keys.is_ignored(name):
                    self._edge(raw, name)
        else:
            self.fields.wrong(parent, spelling, "a list of edges", raw, "edges", _HINT)

    def add_shorthands(self, edges: list[tuple[dict[str, Any], EdgePlace]]) -> None:
        for edge, place in edges:
            self._add(edge, place)

    def _edge(self, parent: Any, key: str | int) -> None:
        raw = parent[key]
        if type(raw) is str:
            self._chain(raw, parent, key)
        elif type(raw) is dict:
            self._mapping(raw)
        else:
            self.fields.wrong(parent, key, "a mapping or a text", raw, "an edge", _HINT)

    def _mapping(self, raw: dict[str, Any]) -> None:
        arrow = next((key for key in raw if _ARROW in key), None)
        if arrow is not None:
            source, _, target = (part.strip() for part in arrow.partition(_ARROW))
            hint = f"write {{source: {printable(source, 60)}, target: {printable(target, 60)}, …}}"
            text = "an edge that is written with an arrow has no further keys"
            self.report.error("bad_edge", text, self.document.key_at(raw, arrow), hint)
            return
        used = self.fields.known(raw, _EDGE, "this edge")
        plain: dict[str, Any] = {}
        for name in ("source", "target"):
            if name not in used:
                text = f"this edge has no `{name}`"
                self.report.error("incomplete_edge", text, self.document.start(raw), "name the node's id")
            else:
                plain[name] = self.fields.name(raw, used[name], f"{name} of an edge")
        if "action" in used:
            plain["action"] = self.fields.name(raw, used["action"], "action of an edge")
        for name in ("condition", "transform"):
            if name in used:
                plain[name] = self.fields.text(raw, used[name], f"{name} of an edge")
        if plain.get("source") and plain.get("target"):
            self._add(
                plain,
                EdgePlace(
                    self.document.value_at(raw, used["source"]),
                    self.document.value_at(raw, used["target"]),
                    raw,
                ),
            )

    def _chain(self, text: str, parent: Any, key: str | int) -> None:
        """`a -> b -> c`: an edge for each arrow."""
        at = self.document.value_at(parent, key)
        names = [name.strip() for name in text.split(_ARROW)]
        if len(names) < 2 or not all(names):
            self.report.error("bad_edge", f"'{text[:60]}' is not an edge", at, _HINT)
            return
        offsets = self._offsets(text, names, at)
        for place in range(len(names) - 1):
            self._add(
                {"source": names[place], "target": names[place + 1]},
                EdgePlace(offsets[place], offsets[place + 1]),
            )

    def _offsets(self, text: str, names: list[str], at: int | None) -> list[int | None]:
        """Where each name stands: inside of a plain or quoted text that has no escapes, else where it
        begins.
        """
        source = self.document.source.text
        if at is None:
            return [None] * len(names)
        first = at + (source[at] in "\"'")
        if not source.startswith(text, first):
            return [at] * len(names)
        offsets: list[int | None] = []
        position = 0
        for name in names:
            position = text.index(name, position)
            offsets.append(first + position)
            position += len(name)
        return offsets

    def _add(self, edge: dict[str, Any], place: EdgePlace) -> None:
        identity = (
            edge["source"],
            edge["target"],
            edge.get("action"),
            edge.get("condition"),
            edge.get("transform"),
        )
        if identity not in self._known:
            self._known.add(identity)
            self.edges.append(edge)
            self.places.edges.append(place)
