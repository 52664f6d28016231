"""What is different between two blueprints in meaning: nodes, edges, inputs, limits, commands. Not their layout."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from typing import Any, Literal

from flowcraft_engine.blueprint.finding import SourceLocation
from flowcraft_engine.blueprint.model import Blueprint, EdgeSpec
from flowcraft_engine.frozen import frozen
from flowcraft_engine.reports.ground import location_json
from flowcraft_engine.reports.json_diff import Change, json_changes

Kind = Literal["added", "removed", "changed"]


@frozen
class PartDiff:
    """One part that is different, such as `node charge`: what changed in it, and where it stands in both files."""

    kind: Kind
    part: str
    changes: tuple[Change, ...] = ()
    old_place: SourceLocation | None = None
    new_place: SourceLocation | None = None

    def to_json(self) -> dict[str, Any]:
        return {
            "change": self.kind,
            "part": self.part,
            "details": [change.to_json() for change in self.changes],
            "old_location": location_json(self.old_place),
            "new_location": location_json(self.new_place),
        }


def blueprint_diff(old: Blueprint, new: Blueprint) -> list[PartDiff]:
    """The parts that differ; empty for blueprints that mean the same, however they are written."""
    found = [*_head(old, new), *_nodes(old, new), *_edges(old, new), *_outputs(old, new)]
    if not found and old.digest() != new.digest():
        # The order decides between edges that are taken at once, and how inputs of a join are put together.
        found.append(PartDiff("changed", "order of nodes and edges"))
    return found


def _head(old: Blueprint, new: Blueprint) -> Iterator[PartDiff]:
    before, after = _plain(old), _plain(new)
    for key in ("id", "expressions"):
        yield from _changed(key, {key: before[key]}, {key: after[key]})
    yield from _changed("metadata", before["metadata"], after["metadata"])
    for name in dict.fromkeys([*old.inputs, *new.inputs]):
        yield from _part(f"input {name}", before["inputs"].get(name), after["inputs"].get(name))


def _nodes(old: Blueprint, new: Blueprint) -> Iterator[PartDiff]:
    before = {node["id"]: node for node in _plain(old)["nodes"]}
    after = {node["id"]: node for node in _plain(new)["nodes"]}
    for name in dict.fromkeys([*before, *after]):
        yield from _part(
            f"node {name}",
            before.get(name),
            after.get(name),
            old.locations.get(name),
            new.locations.get(name),
        )


def _edges(old: Blueprint, new: Blueprint) -> Iterator[PartDiff]:
    """Edges that are the same count as often as they are there; of the rest, those between the same nodes pair up."""
    gone, come = _leftovers(old, new), _leftovers(new, old)
    twins: dict[tuple[str, str], deque[int]] = {}
    for index in come:
        twins.setdefault(_ends(new.edges[index]), deque()).append(index)
    for index in gone:
        edge = old.edges[index]
        place = old.edge_location(index)
        pair = twins.get(_ends(edge))
        if not pair:
            yield PartDiff("removed", f"edge {_label(edge)}", (), place)
            continue
        twin = pair.popleft()
        changes = tuple(json_changes(_edge(edge), _edge(new.edges[twin])))
        name = f"edge {edge.source} -> {edge.target}"
        yield PartDiff("changed", name, changes, place, new.edge_location(twin))
    for index in sorted(left for pair in twins.values() for left in pair):
        yield PartDiff("added", f"edge {_label(new.edges[index])}", (), None, new.edge_location(index))


def _leftovers(these: Blueprint, those: Blueprint) -> list[int]:
    """The edges that only the first has."""
    known = Counter(those.edges)
    left = []
    for index, edge in enumerate(these.edges):
        if known[edge]:
            known[edge] -= 1
        else:
            left.append(index)
    return left


def _outputs(old: Blueprint, new: Blueprint) -> Iterator[PartDiff]:
    yield from _changed("outputs", old.outputs or {}, new.outputs or {})


def _part(
    name: str,
    old: Any,
    new: Any,
    old_place: SourceLocation | None = None,
    new_place: SourceLocation | None = None,
) -> Iterator[PartDiff]:
    if old is None:
        yield PartDiff("added", name, (), None, new_place)
    elif new is None:
        yield PartDiff("removed", name, (), old_place)
    else:
        yield from _changed(name, old, new, old_place, new_place)


def _changed(
    name: str,
    old: Any,
    new: Any,
    old_place: SourceLocation | None = None,
    new_place: SourceLocation | None = None,
) -> Iterator[PartDiff]:
    changes = tuple(json_changes(old, new))
    if changes:
        yield PartDiff("changed", name, changes, old_place, new_place)


def _plain(blueprint: Blueprint) -> dict[str, Any]:
    """With the defaults filled in, so that a default that is written out is no change."""
    return blueprint.model_dump(mode="json")


def _edge(edge: EdgeSpec) -> dict[str, Any]:
    return edge.model_dump(mode="json", exclude_none=True)


def _ends(edge: EdgeSpec) -> tuple[str, str]:
    return edge.source, edge.target


def _label(edge: EdgeSpec) -> str:
    action = f"[{edge.action}]" if edge.action else ""
    condition = f" if {edge.condition}" if edge.condition else ""
    transform = f" giving {edge.transform}" if edge.transform else ""
    return f"{edge.source} -{action}-> {edge.target}{condition}{transform}".replace(" --> ", " -> ")
