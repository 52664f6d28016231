"""The graph view: what a drawing shows of a blueprint, decided once for all formats."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Literal

from flowcraft_engine.blueprint.model import Blueprint, NodeSpec
from flowcraft_engine.drawing.text import visible
from flowcraft_engine.frozen import frozen

BoxKind = Literal["plain", "loop", "for_each", "subflow", "wait", "missing"]
ArrowKind = Literal["edge", "back", "fallback"]

_KINDS_BY_USE: dict[str, BoxKind] = {"subflow": "subflow", "wait": "wait", "webhook": "wait"}
_FALLBACK = "fallback"


@frozen
class Box:
    """A node as it is drawn: `id` is the real one, the other texts are safe to show."""

    id: str
    title: str
    uses: str
    kind: BoxKind
    #: What makes this node special: the loop's condition, the items, the child blueprint, the join.
    notes: tuple[str, ...] = ()

    @property
    def type_line(self) -> tuple[str, ...]:
        """The node's type; nothing where the title says it, or the kind of the box."""
        return () if self.uses in (self.title, "loop-controller") else (self.uses,)


@frozen
class Arrow:
    """A connection; `source` and `target` are node ids, `label` is safe to show."""

    source: str
    target: str
    kind: ArrowKind = "edge"
    label: str = ""


@frozen
class Cluster:
    """A loop: its controller and the nodes of its body."""

    controller: str
    end: str
    members: frozenset[str]


@frozen
class GraphView:
    id: str
    title: str
    boxes: tuple[Box, ...]
    arrows: tuple[Arrow, ...]
    clusters: tuple[Cluster, ...] = ()


def view_of(blueprint: Blueprint) -> GraphView:
    """The view of a blueprint. Faulty ones have one too: unknown nodes named by edges are boxes `missing`."""
    nodes = {node.id: node for node in reversed(blueprint.nodes)}
    boxes = {node.id: _box(nodes[node.id]) for node in blueprint.nodes}
    arrows = tuple(dict.fromkeys([*_edges(blueprint, nodes), *_fallbacks(nodes, boxes)]))
    for name in (end for arrow in arrows for end in (arrow.source, arrow.target)):
        if name not in boxes:
            boxes[name] = Box(name, visible(name), "not in the blueprint", "missing")
    version = f" {blueprint.version}" if blueprint.version else ""
    return GraphView(
        id=visible(blueprint.id),
        title=visible(f"{blueprint.id}{version}"),
        boxes=tuple(boxes.values()),
        arrows=arrows,
        clusters=tuple(_clusters(boxes, nodes, arrows)),
    )


def _box(node: NodeSpec) -> Box:
    kind = _KINDS_BY_USE.get(node.uses, "plain")
    if node.for_each:
        kind = "for_each"
    if node.loop:
        kind = "loop"
    notes = tuple(visible(note) for note in _notes(node))
    return Box(node.id, visible(node.id), visible(node.uses), kind, notes)


def _notes(node: NodeSpec) -> Iterator[str]:
    if node.loop:
        yield f"while {node.loop.condition}"
    if node.for_each:
        source = node.for_each.source
        yield f"for each of {source}" if isinstance(source, str) else f"for each of {_size(source)} items"
    if node.uses == "subflow" and isinstance(node.params.get("blueprint_id"), str):
        yield f"runs {node.params['blueprint_id']}"
    if node.config.join_strategy != "all":
        yield f"join {node.config.join_strategy}"


def _size(source: object) -> int:
    return len(source) if isinstance(source, list | tuple | dict) else 1


def _edges(blueprint: Blueprint, nodes: dict[str, NodeSpec]) -> Iterator[Arrow]:
    loop_ends = {(node.loop.end, node.id) for node in nodes.values() if node.loop}
    for edge in blueprint.edges:
        back = (edge.source, edge.target) in loop_ends
        words = [edge.action or "", f"if {edge.condition}" if edge.condition else ""]
        label = visible(" ".join(word for word in words if word))
        yield Arrow(edge.source, edge.target, "back" if back else "edge", label)


def _fallbacks(nodes: dict[str, NodeSpec], order: Iterable[str]) -> Iterator[Arrow]:
    for name in order:
        fallback = nodes[name].config.fallback
        if fallback is not None:
            yield Arrow(name, fallback, "fallback", _FALLBACK)


def _clusters(
    order: Iterable[str], nodes: dict[str, NodeSpec], arrows: tuple[Arrow, ...]
) -> Iterator[Cluster]:
    successors: dict[str, list[str]] = defaultdict(list)
    for arrow in arrows:
        successors[arrow.source].append(arrow.target)
    for name in order:
        loop = nodes[name].loop if name in nodes else None
        if loop and loop.start in nodes:
            members = _reached(loop.start, name, successors)
            yield Cluster(name, loop.end, frozenset(members | {name}))


def _reached(start: str, controller: str, successors: dict[str, list[str]]) -> set[str]:
    """The body: all that is reached from `start` without passing the controller, its only way out."""
    seen, open_ends = {start}, [start]
    while open_ends:
        for successor in successors[open_ends.pop()]:
            if successor != controller and successor not in seen:
                seen.add(successor)
                open_ends.append(successor)
    return seen
