"""What follows from the edges of a blueprint: neighbours, loop bodies, starts, ends, order and cycles.
Linear and pure.

Edges to nodes that do not exist are passed over: telling them is the business of whoever checks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping
from functools import cached_property

from flowcraft_engine.blueprint.fixed_names import CONTINUE
from flowcraft_engine.blueprint.model import Blueprint
from flowcraft_engine.blueprint.nearest import Speller

#: Loops inside of loops are walked once a level; this bounds the walks when broken edges make bodies overlap.
_WALKS = 70
#: Successors from which on they are kept in a set, too.
_WIDE = 8


class Graph:
    """The analysed graph of one blueprint; everything is computed when it is first asked for."""

    def __init__(self, blueprint: Blueprint) -> None:
        self.blueprint = blueprint
        self.ids: tuple[str, ...] = tuple(dict.fromkeys(node.id for node in blueprint.nodes))
        known = set(self.ids)
        #: Distinct neighbours in the order of the edges, own back edges of loops included.
        self.successors: dict[str, list[str]] = {node_id: [] for node_id in self.ids}
        self.predecessors: dict[str, list[str]] = {node_id: [] for node_id in self.ids}
        wide: dict[str, set[str]] = {}
        for edge in blueprint.edges:
            source, target = edge.source, edge.target
            targets = self.successors.get(source)
            if targets is None or target not in known:
                continue
            # Most nodes have few successors; only wide fans are worth a set.
            if len(targets) < _WIDE:
                is_new = target not in targets
            else:
                seen = wide.setdefault(source, set(targets) if source not in wide else set())
                is_new = target not in seen
                seen.add(target)
            if is_new:
                targets.append(target)
                self.predecessors[target].append(source)
        #: Node → its fallback, and the other way around (the first node that names it).
        self.fallbacks: dict[str, str] = {}
        self.rescues: dict[str, str] = {}
        for node in blueprint.nodes:
            fallback = node.config.fallback
            if fallback is not None and fallback in known and fallback != node.id:
                self.fallbacks[node.id] = fallback
                self.rescues.setdefault(fallback, node.id)
        self.loops = {node.id: node.loop for node in blueprint.nodes if node.loop is not None}

    @cached_property
    def speller(self) -> Speller:
        """Node ids that are like a mistyped one."""
        return Speller(self.ids)

    @cached_property
    def edges_into(self) -> dict[str, list[int]]:
        """Node → the places, in the blueprint's edges, of those that lead to it."""
        found: dict[str, list[int]] = {node_id: [] for node_id in self.ids}
        for index, edge in enumerate(self.blueprint.edges):
            if edge.target in found:
                found[edge.target].append(index)
        return found

    @cached_property
    def bodies(self) -> dict[str, frozenset[str]]:
        """Controller → all nodes reachable from its start without passing it, fallbacks and inner loops
        included.

        Empty for a loop whose start does not exist.
        """
        left = _WALKS * (len(self.ids) + len(self.blueprint.edges)) + 1_000
        bodies: dict[str, frozenset[str]] = {}
        for controller, loop in self.loops.items():
            body: frozenset[str] = frozenset()
            if loop.start in self.successors and loop.start != controller and left > 0:
                body = self.reachable([loop.start], without=controller)
                left -= sum(len(self.successors[node_id]) + 1 for node_id in body)
            bodies[controller] = body
        return bodies

    @property
    def is_tangled(self) -> bool:
        """Whether the bodies of the loops could not be told, because too many of them overlap."""
        return any(
            not body and self.loops[controller].start in self.successors
            for controller, body in self.bodies.items()
            if self.loops[controller].start != controller
        )

    def reachable(self, starts: Iterable[str], without: str | None = None) -> frozenset[str]:
        """`starts` and all that follows from them along edges and fallbacks, not going through `without`."""
        found = {start for start in starts if start in self.successors}
        left = list(found)
        while left:
            node_id = left.pop()
            followers = self.successors[node_id]
            fallback = self.fallbacks.get(node_id)
            for follower in followers if fallback is None else [*followers, fallback]:
                if follower not in found and follower != without:
                    found.add(follower)
                    left.append(follower)
        return frozenset(found)

    @cached_property
    def scopes(self) -> dict[str, tuple[str, ...]]:
        """Node → the controllers of the loops around it, from the outside in; nodes outside of loops are
        left out.
        """
        found: dict[str, tuple[str, ...]] = {}
        for controller, body in sorted(self.bodies.items(), key=lambda item: -len(item[1])):
            for node_id in body:
                found[node_id] = (*found.get(node_id, ()), controller)
        return found

    @cached_property
    def entries(self) -> dict[str, list[str]]:
        """Node → the predecessors that its join counts: a controller does not count the end of its own
        body.
        """
        entries = dict(self.predecessors)
        for controller, loop in self.loops.items():
            if loop.end in self.bodies[controller]:
                entries[controller] = [source for source in entries[controller] if source != loop.end]
        return entries

    @cached_property
    def start_nodes(self) -> tuple[str, ...]:
        """Where a run begins: nothing leads there, and they are nobody's fallback."""
        return tuple(
            node_id for node_id in self.ids if not self.entries[node_id] and node_id not in self.rescues
        )

    @cached_property
    def terminal_nodes(self) -> tuple[str, ...]:
        """Where a run ends: outside of loops, and nothing follows (for a fallback: on the node that it
        rescues).
        """
        continues = {
            (edge.source, edge.target)
            for edge in self.blueprint.edges
            if edge.action == CONTINUE and edge.source in self.loops
        }
        goes_on = {
            source
            for source, targets in self.successors.items()
            if any((source, target) not in continues for target in targets)
        }
        return tuple(
            node_id
            for node_id in self.ids
            if node_id not in self.scopes and not any(one in goes_on for one in self.stands_for(node_id))
        )

    def stands_for(self, node_id: str) -> list[str]:
        """A node, and for a fallback the nodes that it rescues."""
        chain = [node_id]
        while chain[-1] in self.rescues and self.rescues[chain[-1]] not in chain:
            chain.append(self.rescues[chain[-1]])
        return chain

    @cached_property
    def forward(self) -> dict[str, list[str]]:
        """Neighbours along edges and to fallbacks, without self edges and those that close a loop."""
        forward = {
            node_id: [target for target in targets if target != node_id]
            if node_id in targets
            else list(targets)
            for node_id, targets in self.successors.items()
        }
        for node_id, fallback in self.fallbacks.items():
            forward[node_id].append(fallback)
        for controller, loop in self.loops.items():
            if loop.end in self.bodies[controller]:
                forward[loop.end] = [target for target in forward[loop.end] if target != controller]
        return forward

    @cached_property
    def order(self) -> tuple[str, ...]:
        """A topological order of all nodes that are on no cycle and behind none."""
        waiting = dict.fromkeys(self.ids, 0)
        for targets in self.forward.values():
            for target in targets:
                waiting[target] += 1
        ready = deque(node_id for node_id, count in waiting.items() if not count)
        order: list[str] = []
        while ready:
            node_id = ready.popleft()
            order.append(node_id)
            for target in self.forward[node_id]:
                waiting[target] -= 1
                if not waiting[target]:
                    ready.append(target)
        return tuple(order)

    @cached_property
    def cycles(self) -> tuple[tuple[str, ...], ...]:
        """One path for each knot of nodes that lead to each other, closing loops aside: `(a, b, a)`; no
        self edges.
        """
        if len(self.order) == len(self.ids):
            return ()
        rest = set(self.ids) - set(self.order)
        inner = {node_id: [one for one in self.forward[node_id] if one in rest] for node_id in rest}
        position = {node_id: place for place, node_id in enumerate(self.ids)}
        knots = [knot for knot in _knots(inner) if len(knot) > 1]
        knots.sort(key=lambda knot: min(position[node_id] for node_id in knot))
        return tuple(_shortest_cycle(min(knot, key=position.__getitem__), knot, inner) for knot in knots)

    def is_ancestor(self, ancestor: str, node_id: str) -> bool:
        """Whether `ancestor` may have ended before `node_id` starts: before it on a path, or earlier in
        its loop.
        """
        if ancestor in self.predecessors.get(node_id, ()):
            return True
        if node_id not in self._ancestors or ancestor not in self._bits:
            return True
        return bool(self._ancestors[node_id] >> self._bits[ancestor] & 1)

    @cached_property
    def _bits(self) -> dict[str, int]:
        return {node_id: place for place, node_id in enumerate(self.order)}

    @cached_property
    def _ancestors(self) -> dict[str, int]:
        """Node → its ancestors as a set of bits: all nodes together cost one pass over the edges."""
        sources: dict[str, list[str]] = {node_id: [] for node_id in self.ids}
        for node_id, targets in self.forward.items():
            for target in targets:
                sources[target].append(node_id)
        for fallback in self.rescues:
            for node_id in self.stands_for(fallback)[1:]:
                for target in self.successors[node_id]:
                    sources[target].append(fallback)
        found: dict[str, int] = {}
        for node_id in self.order:
            bits = 0
            for source in sources[node_id]:
                if source in self._bits:
                    bits |= found.get(source, 0) | 1 << self._bits[source]
            for inner in self.bodies.get(node_id, ()):
                if inner in self._bits:
                    bits |= 1 << self._bits[inner]
            found[node_id] = bits
        return found


def _knots(graph: Mapping[str, list[str]]) -> list[set[str]]:
    """Strongly connected components, without recursion."""
    number: dict[str, int] = {}
    low: dict[str, int] = {}
    open_nodes: list[str] = []
    is_open: set[str] = set()
    knots: list[set[str]] = []
    for root in graph:
        if root in number:
            continue
        number[root] = low[root] = len(number)
        open_nodes.append(root)
        is_open.add(root)
        walk = [(root, iter(graph[root]))]
        while walk:
            node_id, targets = walk[-1]
            for target in targets:
                if target not in number:
                    number[target] = low[target] = len(number)
                    open_nodes.append(target)
                    is_open.add(target)
                    walk.append((target, iter(graph[target])))
                    break
                if target in is_open:
                    low[node_id] = min(low[node_id], number[target])
            else:
                walk.pop()
                if walk:
                    low[walk[-1][0]] = min(low[walk[-1][0]], low[node_id])
                if low[node_id] == number[node_id]:
                    knots.append(_close_knot(node_id, open_nodes, is_open))
    return knots


def _close_knot(root: str, open_nodes: list[str], is_open: set[str]) -> set[str]:
    knot: set[str] = set()
    while root not in knot:
        node_id = open_nodes.pop()
        is_open.discard(node_id)
        knot.add(node_id)
    return knot


def _shortest_cycle(start: str, knot: set[str], graph: Mapping[str, list[str]]) -> tuple[str, ...]:
    """The shortest way from `start` back to itself inside of a knot."""
    came_from: dict[str, str] = {}
    left = deque([start])
    while left:
        node_id = left.popleft()
        for target in graph[node_id]:
            if target == start:
                path = [start, node_id]
                while path[-1] != start:
                    path.append(came_from[path[-1]])
                return tuple(reversed(path))
            if target in knot and target not in came_from:
                came_from[target] = node_id
                left.append(target)
    raise AssertionError("every node of a knot leads back to itself")
