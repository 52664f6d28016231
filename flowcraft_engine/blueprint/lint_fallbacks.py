"""Fallbacks: they exist, rescue one node each, and nothing else leads to them."""

from __future__ import annotations

from flowcraft_engine.blueprint.graph import Graph
from flowcraft_engine.blueprint.lint_graph import show
from flowcraft_engine.blueprint.places import Places
from flowcraft_engine.blueprint.report import Report


def check_fallbacks(graph: Graph, places: Places, report: Report) -> None:
    """Adds every problem of the fallbacks to `report`."""
    rescued: dict[str, str] = {}
    for node in graph.blueprint.nodes:
        fallback = node.config.fallback
        if fallback is None:
            continue
        at = places.node(node.id, "config", "fallback")
        if fallback == node.id:
            text = f"'{show(node.id)}' is its own fallback"
            report.error("fallback_cycle", text, at, "use max_retries to try again")
        elif fallback not in graph.successors:
            text = f"the fallback '{show(fallback)}' of '{show(node.id)}' does not exist"
            hint = graph.speller.hint(fallback)
            report.error("unknown_fallback", text, at, hint or "a fallback is a node of this blueprint")
        elif fallback in rescued:
            text = f"'{show(fallback)}' is the fallback of '{show(rescued[fallback])}' already"
            report.error("shared_fallback", text, at, "give each node a fallback of its own")
        else:
            rescued[fallback] = node.id
            _check_edges(graph, fallback, node.id, places, report)
    _check_cycles(graph, places, report)


def _check_edges(graph: Graph, fallback: str, node_id: str, places: Places, report: Report) -> None:
    if not graph.predecessors[fallback]:
        return
    source = graph.predecessors[fallback][0]
    at = places.edge(graph.edges_into[fallback][0])
    text = f"'{show(source)}' leads to '{show(fallback)}', which is the fallback of '{show(node_id)}'"
    report.error("fallback_with_edges", text, at, "a fallback runs when its node fails: remove the edge")


def _check_cycles(graph: Graph, places: Places, report: Report) -> None:
    done: set[str] = set()
    for node_id in graph.fallbacks:
        path = [node_id]
        while path[-1] in graph.fallbacks and path[-1] not in done:
            done.add(path[-1])
            path.append(graph.fallbacks[path[-1]])
        if path[-1] in path[:-1]:
            cycle = path[path.index(path[-1]) :]
            text = f"the fallbacks form a cycle: {' -> '.join(show(one) for one in cycle)}"
            report.error("fallback_cycle", text, places.node(cycle[0], "config", "fallback"))
