"""Edges, joins, cycles, loops and fallbacks: what the shape of a blueprint gets wrong."""

from __future__ import annotations

from flowcraft_engine.blueprint.graph import Graph
from flowcraft_engine.blueprint.nearest import did_you_mean
from flowcraft_engine.blueprint.places import Places
from flowcraft_engine.blueprint.report import Report
from flowcraft_engine.blueprint.source import printable


def check_graph(graph: Graph, places: Places, report: Report) -> None:
    """Adds every problem of the graph to `report`."""
    _check_edges(graph, places, report)
    _check_cycles(graph, places, report)


def _check_edges(graph: Graph, places: Places, report: Report) -> None:
    known = graph.successors
    for index, edge in enumerate(graph.blueprint.edges):
        if edge.source in known and edge.target in known and edge.source != edge.target:
            continue
        for part, node_id in (("source", edge.source), ("target", edge.target)):
            if node_id not in known:
                other = edge.target if part == "source" else edge.source
                word = "to" if part == "source" else "from"
                text = f"the edge {word} '{_show(other)}' names the node '{_show(node_id)}', which does not exist"
                report.error("unknown_node", text, places.edge(index, part), did_you_mean(node_id, known))
        if edge.source == edge.target and edge.source in known:
            text = f"the node '{_show(edge.source)}' leads to itself: {_path((edge.source, edge.source))}"
            report.error(
                "self_edge", text, places.edge(index), "to repeat a node, use `loop` or `max_retries`"
            )


def _check_cycles(graph: Graph, places: Places, report: Report) -> None:
    closing = {(edge.source, edge.target): index for index, edge in enumerate(graph.blueprint.edges)}
    for cycle in graph.cycles:
        index = closing.get((cycle[-2], cycle[-1]))
        at = places.edge(index) if index is not None else places.node(cycle[0])
        hint = "to repeat nodes, put a `loop` node into the cycle"
        report.error("cycle", f"the nodes form a cycle: {_path(cycle)}", at, hint)


def _path(nodes: tuple[str, ...]) -> str:
    if len(nodes) > 12:
        nodes = (*nodes[:8], f"… {len(nodes) - 10} more …", *nodes[-2:])
    return " -> ".join(_show(node_id) for node_id in nodes)


def _show(node_id: str) -> str:
    return printable(node_id, 60)
