"""Starts, ends, bodies, ancestors and cycles of a graph."""

from __future__ import annotations

from typing import Any

from flowcraft_engine.blueprint import Graph, parse_blueprint
from flowcraft_engine.blueprint.model import Blueprint, EdgeSpec, NodeSpec


def _graph(text: str, **nodes: Any) -> Graph:
    """`a -> b, b -> c`, with further keys of some nodes."""
    edges = [edge.strip() for edge in text.split(",") if edge.strip()]
    names = dict.fromkeys(name.strip() for edge in edges for name in edge.split("->"))
    given = {name: {"uses": "noop", **nodes.get(name, {})} for name in [*names, *nodes]}
    for node in given.values():
        if "loop" in node:
            del node["uses"]
    return Graph(parse_blueprint({"nodes": given, "edges": [edge for edge in edges if "->" in edge]}))


def _loop(start: str, end: str) -> dict[str, Any]:
    return {"loop": {"start": start, "end": end, "condition": "n < 2"}}


def test_starts_and_ends_of_a_diamond() -> None:
    graph = _graph("a -> b, a -> c, b -> d, c -> d")
    assert graph.start_nodes == ("a",)
    assert graph.terminal_nodes == ("d",)
    assert graph.predecessors["d"] == ["b", "c"]


def test_a_fallback_is_no_start_and_ends_where_its_node_ends() -> None:
    graph = _graph("a -> b", a={"config": {"fallback": "f"}}, b={"config": {"fallback": "g"}}, f={}, g={})
    assert graph.start_nodes == ("a",)
    assert graph.terminal_nodes == ("b", "g")
    assert graph.rescues == {"f": "a", "g": "b"}


def test_a_body_holds_fallbacks_and_inner_loops() -> None:
    graph = _graph(
        "in0 -> outer, o1 -> inner, inner -> tail, outer -> end",
        outer=_loop("o1", "tail"),
        inner=_loop("i1", "i1"),
        i1={"config": {"fallback": "fb"}},
        fb={},
    )
    assert graph.bodies["outer"] == {"o1", "inner", "i1", "fb", "tail"}
    assert graph.bodies["inner"] == {"i1", "fb"}
    assert graph.scopes["fb"] == ("outer", "inner")
    assert graph.scopes["tail"] == ("outer",)
    assert "end" not in graph.scopes
    assert graph.start_nodes == ("in0",)
    assert graph.terminal_nodes == ("end",)
    assert graph.entries["outer"] == ["in0"]
    assert graph.entries["inner"] == ["o1"]
    assert graph.cycles == ()


def test_a_loop_without_edges_around_it_is_start_and_end() -> None:
    graph = _graph("", L=_loop("b", "b"), b={})
    assert graph.start_nodes == ("L",)
    assert graph.terminal_nodes == ("L",)


def test_ancestors_follow_paths_fallbacks_and_earlier_passes() -> None:
    graph = _graph(
        "s -> L, x -> y, L -> end, s -> other",
        L=_loop("x", "y"),
        s={"config": {"fallback": "f"}},
        f={},
    )
    assert graph.is_ancestor("s", "end")
    assert graph.is_ancestor("y", "x")
    assert graph.is_ancestor("x", "end")
    assert graph.is_ancestor("f", "end")
    assert graph.is_ancestor("s", "f")
    assert not graph.is_ancestor("other", "end")
    assert not graph.is_ancestor("end", "x")


def test_each_knot_is_one_cycle_with_its_path() -> None:
    nodes = tuple(NodeSpec(id=name, uses="noop") for name in "abcdef")
    pairs = ["ab", "bc", "ca", "cb", "de", "ed", "ff", "af"]
    edges = tuple(EdgeSpec(source=pair[0], target=pair[1]) for pair in pairs)
    graph = Graph(Blueprint(id="x", nodes=nodes, edges=edges))
    assert graph.cycles == (("a", "b", "c", "a"), ("d", "e", "d"))


def test_a_chain_of_twenty_thousand_nodes_is_no_problem() -> None:
    count = 20_000
    nodes = tuple(NodeSpec(id=f"n{index}", uses="noop") for index in range(count))
    edges = tuple(EdgeSpec(source=f"n{index}", target=f"n{index + 1}") for index in range(count - 1))
    closed = (*edges, EdgeSpec(source=f"n{count - 1}", target="n0"))
    graph = Graph(Blueprint(id="x", nodes=nodes, edges=edges))
    assert graph.order[-1] == f"n{count - 1}"
    assert graph.is_ancestor("n0", f"n{count - 1}")
    assert len(Graph(Blueprint(id="x", nodes=nodes, edges=closed)).cycles[0]) == count + 1


def test_a_wide_fan_with_doubled_edges_counts_each_neighbour_once() -> None:
    names = [f"n{index}" for index in range(40)]
    nodes = tuple(NodeSpec(id=name, uses="noop") for name in ("a", *names))
    edges = tuple(EdgeSpec(source="a", target=name, action=action) for action in "xy" for name in names)
    graph = Graph(Blueprint(id="x", nodes=nodes, edges=edges))
    assert graph.successors["a"] == names
    assert all(graph.predecessors[name] == ["a"] for name in names)
