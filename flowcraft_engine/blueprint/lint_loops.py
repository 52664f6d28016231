"""Loops: whether the body hangs together, and whether only the controller leads into and out of it."""

from __future__ import annotations

from flowcraft_engine.blueprint.fixed_names import CONTINUE
from flowcraft_engine.blueprint.graph import Graph
from flowcraft_engine.blueprint.lint_graph import show
from flowcraft_engine.blueprint.model import Loop
from flowcraft_engine.blueprint.places import Places
from flowcraft_engine.blueprint.report import Report

_CROSSING = "values enter and leave a loop through its controller; inputs may name its last output"


def check_loops(graph: Graph, places: Places, report: Report) -> None:
    """Adds every problem of the loops to `report`."""
    for controller, loop in graph.loops.items():
        is_whole = _check_pieces(graph, controller, loop, places, report)
        if is_whole and _check_nesting(graph, controller, places, report):
            _check_borders(graph, controller, loop, places, report)


def _check_pieces(graph: Graph, controller: str, loop: Loop, places: Places, report: Report) -> bool:
    """Whether start and end are there, and the end is in the body."""
    if loop.start not in graph.successors or loop.end not in graph.successors:
        _tell_unknown(graph, controller, loop, places, report)
        return False
    for part, node_id in (("start", loop.start), ("end", loop.end)):
        if node_id == controller:
            text = f"the loop '{show(controller)}' names itself as its {part}"
            at = places.node(controller, "loop", part)
            report.error("loop_incomplete", text, at, "the body needs a node of its own")
            return False
    if loop.end not in graph.bodies[controller]:
        text = f"the end '{show(loop.end)}' of the loop '{show(controller)}' does not follow its start"
        hint = f"lead from '{show(loop.start)}' to it"
        report.error("loop_end_outside", text, places.node(controller, "loop", "end"), hint)
        return False
    return True


def _check_nesting(graph: Graph, controller: str, places: Places, report: Report) -> bool:
    """Whether every loop that this one holds lies wholly in it."""
    for other in graph.bodies[controller]:
        if other in graph.loops and controller in graph.bodies[other]:
            text = f"the loops '{show(controller)}' and '{show(other)}' overlap"
            hint = "one loop lies wholly in the other's body, or they share no nodes"
            report.error("loop_crossing", text, places.node(controller), hint)
            return False
    return True


def _tell_unknown(graph: Graph, controller: str, loop: Loop, places: Places, report: Report) -> None:
    """The edges of a loop in a file have told it; a model without its edges has not."""
    edges = {(edge.source, edge.target) for edge in graph.blueprint.edges}
    for part, node_id, edge in (
        ("start", loop.start, (controller, loop.start)),
        ("end", loop.end, (loop.end, controller)),
    ):
        if node_id not in graph.successors and edge not in edges:
            text = f"the {part} '{show(node_id)}' of the loop '{show(controller)}' does not exist"
            report.error("unknown_node", text, places.node(controller, "loop", part))


def _check_borders(graph: Graph, controller: str, loop: Loop, places: Places, report: Report) -> None:
    body = graph.bodies[controller]
    core = _leads_back(graph, loop.end, body)
    edges = graph.blueprint.edges
    has_leak = False
    for index in sorted(index for node_id in body for index in graph.edges_into[node_id]):
        edge = edges[index]
        if edge.source in body:
            continue
        if edge.source == controller and edge.action == CONTINUE:
            if edge.target != loop.start:
                text = f"the loop '{show(controller)}' continues at '{show(edge.target)}', too"
                hint = f"its body begins at '{show(loop.start)}'; lead from there to the others"
                report.error("loop_incomplete", text, places.edge(index, "target"), hint)
        elif edge.target not in core:
            has_leak = True
        else:
            way = f"'{show(edge.source)} -> {show(edge.target)}'"
            text = f"the edge {way} leads into the body of the loop '{show(controller)}'"
            report.error("loop_crossing", text, places.edge(index), f"lead to '{show(controller)}' instead")
    for index in graph.edges_into[controller]:
        source = edges[index].source
        if source in body and source != loop.end:
            text = f"'{show(source)}' leads back to the loop '{show(controller)}', but is not its end"
            report.error("loop_crossing", text, places.edge(index), f"lead to '{show(loop.end)}' instead")
    if has_leak:
        _tell_leaks(graph, controller, body, core, places, report)


def _leads_back(graph: Graph, end: str, body: frozenset[str]) -> set[str]:
    """The nodes of the body that lead to its end."""
    core = {end}
    left = [end]
    while left:
        node_id = left.pop()
        sources = list(graph.predecessors[node_id])
        if node_id in graph.rescues:
            sources.append(graph.rescues[node_id])
        for source in sources:
            if source in body and source not in core:
                core.add(source)
                left.append(source)
    return core


def _tell_leaks(
    graph: Graph,
    controller: str,
    body: frozenset[str],
    core: set[str],
    places: Places,
    report: Report,
) -> None:
    """The edges by which the body reaches nodes that others lead to as well."""
    for index in sorted(index for node_id in body - core for index in graph.edges_into[node_id]):
        edge = graph.blueprint.edges[index]
        if edge.source in core:
            way = f"'{show(edge.source)} -> {show(edge.target)}'"
            text = f"the edge {way} leads out of the body of the loop '{show(controller)}'"
            report.error("loop_crossing", text, places.edge(index), _CROSSING)
