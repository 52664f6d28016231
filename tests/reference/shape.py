"""What is fixed about a blueprint before it runs: bodies of loops, joins, fallbacks, terminal nodes."""

from __future__ import annotations

from functools import cached_property

from flowcraft_engine.blueprint.fixed_names import CONTINUE, LOOP_CONTROLLER
from flowcraft_engine.blueprint.model import Blueprint, EdgeSpec, NodeSpec


class Shape:
    """Edges are named by their place in `blueprint.edges`."""

    def __init__(self, blueprint: Blueprint) -> None:
        self.blueprint = blueprint
        self.nodes: dict[str, NodeSpec] = {node.id: node for node in blueprint.nodes}
        self.edges: tuple[EdgeSpec, ...] = blueprint.edges
        self.node_ids = frozenset(self.nodes)

    def is_controller(self, node: str) -> bool:
        spec = self.nodes[node]
        return spec.loop is not None or spec.uses == LOOP_CONTROLLER

    def is_continue(self, edge: int) -> bool:
        return self.edges[edge].action == CONTINUE and self.is_controller(self.edges[edge].source)

    def is_back(self, edge: int) -> bool:
        """From the body of a loop to its controller."""
        source, target = self.edges[edge].source, self.edges[edge].target
        return self.is_controller(target) and source in self.bodies[target]

    @cached_property
    def rescues(self) -> dict[str, str]:
        """Fallback node → the node that it stands in for."""
        return {spec.config.fallback: spec.id for spec in self.nodes.values() if spec.config.fallback}

    @cached_property
    def bodies(self) -> dict[str, frozenset[str]]:
        """Controller → all nodes reachable from its start without passing it, with fallbacks and their
        reach.
        """
        return {node: self._body(node) for node in self.nodes if self.is_controller(node)}

    def _body(self, controller: str) -> frozenset[str]:
        todo = [
            edge.target
            for i, edge in enumerate(self.edges)
            if edge.source == controller and self.is_continue(i)
        ]
        body: set[str] = set()
        while todo:
            node = todo.pop()
            if node == controller or node in body:
                continue
            body.add(node)
            todo += [edge.target for edge in self.edges if edge.source == node]
            if fallback := self.nodes[node].config.fallback:
                todo.append(fallback)
        return frozenset(body)

    @cached_property
    def loops(self) -> dict[str, tuple[str, ...]]:
        """Node → the controllers around it, the outermost first."""
        return {
            node: tuple(
                sorted((c for c in self.bodies if node in self.bodies[c]), key=lambda c: -len(self.bodies[c]))
            )
            for node in self.nodes
        }

    @cached_property
    def joins(self) -> dict[str, tuple[int, ...]]:
        """Node → the edges that its join counts, in blueprint order; those back from a loop's body are
        not.
        """
        return {
            node: tuple(i for i, edge in enumerate(self.edges) if edge.target == node and not self.is_back(i))
            for node in self.nodes
        }

    def predecessors(self, node: str) -> list[str]:
        """The distinct sources of a node's join, in blueprint order."""
        sources = {self.edges[i].source for i in self.joins[node]}
        return [candidate for candidate in self.nodes if candidate in sources]

    def outgoing(self, node: str) -> list[int]:
        return [i for i, edge in enumerate(self.edges) if edge.source == node]

    def is_start(self, node: str) -> bool:
        return not self.joins[node] and node not in self.rescues

    def is_terminal(self, node: str) -> bool:
        """Has no outgoing edge but `continue`, also after taking on the edges of the nodes that it
        rescues.
        """
        edges = [i for i in self.outgoing(node) if not self.is_continue(i)]
        rescued = self.rescues.get(node)
        return not edges and not self.loops[node] and (rescued is None or self.is_terminal(rescued))
