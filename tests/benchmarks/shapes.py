"""The graphs that are measured: made of the models, because files end at 20,000 nodes."""

from __future__ import annotations

from flowcraft_engine import Blueprint
from flowcraft_engine.blueprint.model import EdgeSpec, ForEach, InputSpec, NodeSpec

#: The node type of all shapes.
NOTHING = "nothing"


def chain(length: int) -> Blueprint:
    return _graph("chain", _ids(length), [(f"n{i}", f"n{i + 1}") for i in range(length - 1)])


def fan(width: int) -> Blueprint:
    """1 → width → 1."""
    edges = [("first", name) for name in _ids(width)] + [(name, "last") for name in _ids(width)]
    return _graph("fan", ["first", *_ids(width), "last"], edges)


def diamond() -> Blueprint:
    """Five nodes: 1 → 3 → 1."""
    return fan(3)


def batch() -> Blueprint:
    """One node for each item of the input `items`."""
    node = NodeSpec(id="each", uses=NOTHING, for_each=ForEach(source="items"))
    return Blueprint(id="batch", inputs={"items": InputSpec(type="array", required=True)}, nodes=(node,))


def two_branches(length: int, uses: tuple[str, str]) -> Blueprint:
    """Two chains side by side; their nodes alternate between two types, out of step."""
    nodes, edges = [], []
    for branch in (0, 1):
        for i in range(length):
            nodes.append(NodeSpec(id=f"b{branch}-{i}", uses=uses[(i + branch) % 2]))
            if i:
                edges.append(EdgeSpec(source=f"b{branch}-{i - 1}", target=f"b{branch}-{i}"))
    return Blueprint(id="two-branches", nodes=tuple(nodes), edges=tuple(edges))


def _ids(count: int) -> list[str]:
    return [f"n{i}" for i in range(count)]


def _graph(name: str, ids: list[str], edges: list[tuple[str, str]]) -> Blueprint:
    return Blueprint(
        id=name,
        nodes=tuple(NodeSpec(id=node, uses=NOTHING) for node in ids),
        edges=tuple(EdgeSpec(source=source, target=target) for source, target in edges),
    )
