"""Edges, joins and cycles: what the shape of a blueprint gets wrong."""

from __future__ import annotations

from itertools import pairwise

from flowcraft_engine.blueprint.batches import GATHER
from flowcraft_engine.blueprint.fixed_names import BREAK, CONTINUE, LOOP_CONTROLLER
from flowcraft_engine.blueprint.graph import Graph
from flowcraft_engine.blueprint.places import Places
from flowcraft_engine.blueprint.report import Report
from flowcraft_engine.blueprint.source import printable

#: How far back a branch is followed to the decision that it began with.
_LOOK_BACK = 50


def check_graph(graph: Graph, places: Places, report: Report) -> None:
    """Adds every problem of edges, joins, cycles and gathers to `report`."""
    _check_edges(graph, places, report)
    if graph.is_tangled:
        text = "the loops are nested too deeply, or too many of them overlap"
        report.error("loops_tangled", text, places.node(next(iter(graph.loops))), "use subflows")
        return
    _check_cycles(graph, places, report)
    _check_joins(graph, places, report)
    _check_reach(graph, places, report)
    _check_gathers(graph, places, report)
    _check_dead_edges(graph, places, report)


def _check_edges(graph: Graph, places: Places, report: Report) -> None:
    known = graph.successors
    for index, edge in enumerate(graph.blueprint.edges):
        if edge.source in known and edge.target in known and edge.source != edge.target:
            continue
        for part, node_id in (("source", edge.source), ("target", edge.target)):
            if node_id not in known:
                other = edge.target if part == "source" else edge.source
                word = "to" if part == "source" else "from"
                text = (
                    f"the edge {word} '{show(other)}' names the node '{show(node_id)}', which does not exist"
                )
                hint = graph.speller.hint(node_id)
                report.error("unknown_node", text, places.edge(index, part), hint)
        if edge.source == edge.target and edge.source in known:
            text = f"the node '{show(edge.source)}' leads to itself: {_path((edge.source, edge.source))}"
            hint = "to repeat a node, use `loop`, or `max_retries` after failures"
            report.error("self_edge", text, places.edge(index), hint)


def _check_cycles(graph: Graph, places: Places, report: Report) -> None:
    broken = {node.id for node in graph.blueprint.nodes if node.uses == LOOP_CONTROLLER and node.loop is None}
    if not graph.cycles:
        return
    closing = {(edge.source, edge.target): index for index, edge in enumerate(graph.blueprint.edges)}
    for cycle in graph.cycles:
        if broken.intersection(cycle):
            continue  # the incomplete loop has been told already
        if all(graph.fallbacks.get(one) == other for one, other in pairwise(cycle)):
            continue  # told as a cycle of fallbacks
        index = closing.get((cycle[-2], cycle[-1]))
        at = places.edge(index) if index is not None else places.node(cycle[0])
        hint = "to repeat nodes, put a `loop` node into the cycle"
        report.error("cycle", f"the nodes form a cycle: {_path(cycle)}", at, hint)


def _check_joins(graph: Graph, places: Places, report: Report) -> None:
    actions: dict[tuple[str, str], set[str | None]] = {}
    for edge in graph.blueprint.edges:
        if edge.action is not None:
            actions.setdefault((edge.source, edge.target), set()).add(edge.action)
    for edge in graph.blueprint.edges if actions else ():
        if edge.action is None and (edge.source, edge.target) in actions:
            actions[edge.source, edge.target].add(None)
    for node in graph.blueprint.nodes:
        count = len(graph.entries[node.id])
        join = node.config.join_strategy
        if join == "any" and count < 2 and node.loop is None and node.id not in graph.rescues:
            text = f"the `any` join of '{show(node.id)}' has {('no', 'only one')[count]} predecessor"
            at = places.node(node.id, "config", "join_strategy")
            report.warning("useless_any_join", text, at, "remove join_strategy, or add the other edge")
        elif join == "all" and count > 1 and actions:
            _check_exclusive(graph, node.id, actions, places, report)


def _check_exclusive(
    graph: Graph,
    node_id: str,
    actions: dict[tuple[str, str], set[str | None]],
    places: Places,
    report: Report,
) -> None:
    """Branches that begin with different actions of one node: only one of them can be taken."""
    first: dict[str, tuple[str, str]] = {}
    for source in graph.entries[node_id]:
        for decider, action in _decisions(graph, source, node_id, actions):
            known = first.setdefault(decider, (action, source))
            if known[0] != action:
                text = (
                    f"'{show(node_id)}' joins '{show(known[1])}' and '{show(source)}', but '{show(decider)}' "
                    f"takes only one of the ways '{show(known[0])}' and '{show(action)}'"
                )
                hint = "the way not taken is skipped and the join goes on without it; `any` says so plainly"
                report.warning("exclusive_join", text, places.node(node_id), hint)
                return


def _decisions(
    graph: Graph, source: str, target: str, actions: dict[tuple[str, str], set[str | None]]
) -> list[tuple[str, str]]:
    """The (node, action) pairs by which the only way to `target` through `source` began."""
    found: list[tuple[str, str]] = []
    for _ in range(_LOOK_BACK):
        taken = actions.get((source, target), set())
        action = next(iter(taken)) if len(taken) == 1 else None
        if action is not None and source not in graph.loops:
            found.append((source, action))
        sources = graph.entries[source]
        if len(sources) != 1:
            break
        source, target = sources[0], source
    return found


def _check_reach(graph: Graph, places: Places, report: Report) -> None:
    """Nodes that no start leads to; cycles are told as such, and so is what comes behind them."""
    begun = graph.reachable(
        [*graph.start_nodes, *(node_id for cycle in graph.cycles for node_id in cycle), *_self_edges(graph)]
    )
    for node_id in graph.ids:
        if node_id not in begun and node_id not in graph.rescues:
            text = f"no start node leads to '{show(node_id)}': it can never run"
            report.warning("unreachable", text, places.node(node_id), "add an edge to it, or remove it")


def _self_edges(graph: Graph) -> list[str]:
    return [edge.source for edge in graph.blueprint.edges if edge.source == edge.target]


def _check_gathers(graph: Graph, places: Places, report: Report) -> None:
    batches = {node.id for node in graph.blueprint.nodes if node.for_each is not None}
    for node in graph.blueprint.nodes:
        if node.uses != GATHER or batches.intersection(graph.predecessors[node.id]):
            continue
        text = f"the gather '{show(node.id)}' follows no batch"
        hint = "lead an edge to it from a batch-scatter, or from a node with for_each"
        report.error("gather_without_scatter", text, places.node(node.id), hint)


def _check_dead_edges(graph: Graph, places: Places, report: Report) -> None:
    """Edges whose action their source can never give."""
    batches = {node.id for node in graph.blueprint.nodes if node.for_each is not None}
    for index, edge in enumerate(graph.blueprint.edges):
        if edge.action is None:
            continue
        if edge.source in graph.loops and edge.action not in (CONTINUE, BREAK) and edge.condition is None:
            text = f"the loop '{show(edge.source)}' never gives the action '{show(edge.action)}'"
            hint = "a loop's edges are `continue`, `break` and plain ones"
            report.warning("dead_edge", text, places.edge(index, "action"), hint)
        elif edge.source in batches:
            text = f"a batch gives no action: the edge from '{show(edge.source)}' is never taken"
            report.warning("dead_edge", text, places.edge(index, "action"), "use a condition on its output")


def _path(nodes: tuple[str, ...]) -> str:
    if len(nodes) > 12:
        nodes = (*nodes[:8], f"… {len(nodes) - 10} more …", *nodes[-2:])
    return " -> ".join(show(node_id) for node_id in nodes)


def show(node_id: str) -> str:
    """An id as messages name it."""
    return printable(node_id, 60)
