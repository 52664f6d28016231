"""From a blueprint to its plan: expressions compiled, neighbours and scopes at hand. Done once per blueprint."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from flowcraft_engine.blueprint.graph import Graph
from flowcraft_engine.blueprint.input_source import InputSource, parse_source
from flowcraft_engine.blueprint.model import Blueprint, EdgeSpec, ForEach, NodeSpec
from flowcraft_engine.blueprint.special_params import EXPRESSION_PARAMS, SCRIPT_PARAMS
from flowcraft_engine.expressions import Evaluator, ExpressionSyntaxError, Program, Template, evaluator_named
from flowcraft_engine.kernel.naming import END
from flowcraft_engine.kernel.plan import Plan, PlanEdge, PlanLoop, PlanNode, Target

SUBFLOW = "subflow"
_TEMPLATE_MARK = "${{"


def compile_plan(blueprint: Blueprint, digest: str | None = None) -> Plan:
    """The plan of a valid blueprint. Raises `ExpressionSyntaxError` for one that was never checked."""
    return _Compiler(blueprint, digest or blueprint.digest()).compile()


class _Compiler:
    def __init__(self, blueprint: Blueprint, digest: str) -> None:
        self.blueprint = blueprint
        self.digest = digest
        self.evaluator: Evaluator = evaluator_named(blueprint.expressions)
        self.ids = frozenset(node.id for node in blueprint.nodes)
        self.graph = Graph(blueprint)
        self.scopes = {node_id: self.graph.scopes.get(node_id, ()) for node_id in self.ids}

    def compile(self) -> Plan:
        blueprint = self.blueprint
        nodes = {spec.id: self._node(spec) for spec in blueprint.nodes}
        edges = tuple(self._edge(index, spec) for index, spec in enumerate(blueprint.edges))
        self._connect(nodes, edges)
        self._scope_bodies(nodes)
        outputs = None
        if blueprint.outputs is not None:
            outputs = {name: self._program(text) for name, text in blueprint.outputs.items()}
            nodes[END] = _end_node()
        return Plan(
            blueprint=blueprint,
            digest=self.digest,
            evaluator=self.evaluator,
            nodes=nodes,
            edges=edges,
            start_nodes=tuple(node_id for node_id in self.graph.start_nodes if not self.scopes[node_id]),
            root_nodes=tuple(spec.id for spec in blueprint.nodes if not self.scopes[spec.id]),
            terminal_nodes=self.graph.terminal_nodes,
            outputs=outputs,
            timeout_ms=blueprint.metadata.timeout,
            fail_fast=blueprint.metadata.fail_fast,
            node_ids=self.ids,
            folder=blueprint.folder,
        )

    def _program(self, text: str) -> Program:
        return self.evaluator.compile(text, self.ids)

    def _source(self, text: str) -> InputSource:
        return parse_source(text, self.ids)

    def _node(self, spec: NodeSpec) -> PlanNode:
        config = spec.config
        params = dict(spec.params)
        expressions = {
            key: self._program(str(params.pop(key)))
            for key in EXPRESSION_PARAMS.get(spec.uses, ())
            if key in params and not str(params[key]).startswith(_TEMPLATE_MARK)
        }
        for key in SCRIPT_PARAMS.get(spec.uses, ()):
            if isinstance(params.get(key), str) and _TEMPLATE_MARK in params[key]:
                raise ExpressionSyntaxError(f"node {spec.id}: script text cannot hold ${{{{ }}}}", 0)
        child_inputs = None
        if spec.uses == SUBFLOW and isinstance(params.get("inputs"), dict):
            child_inputs = {key: self._source(str(source)) for key, source in params.pop("inputs").items()}
        return PlanNode(
            id=spec.id,
            uses=spec.uses,
            params=Template.compile(params, self.evaluator, self.ids) if params else None,
            expressions=expressions,
            inputs=self._inputs(spec.inputs),
            child_inputs=child_inputs,
            join=config.join_strategy,
            max_attempts=config.max_retries,
            retry_delay_ms=config.retry_delay,
            backoff=config.backoff,
            jitter=config.jitter,
            timeout_ms=config.timeout,
            fallback=config.fallback,
            loop=self._loop(spec),
            for_each=spec.for_each,
            items=self._items(spec.for_each),
            location=self.blueprint.locations.get(spec.id),
            scopes=self.scopes[spec.id],
        )

    def _inputs(self, inputs: Any) -> InputSource | dict[str, InputSource] | None:
        if isinstance(inputs, dict):
            return {key: self._source(text) for key, text in inputs.items()}
        return self._source(inputs) if inputs is not None else None

    def _loop(self, spec: NodeSpec) -> PlanLoop | None:
        if spec.loop is None:
            return None
        loop = spec.loop
        return PlanLoop(loop.start, loop.end, self._program(loop.condition), loop.max_iterations)

    def _items(self, for_each: ForEach | None) -> InputSource | Template | None:
        if for_each is None:
            return None
        source = for_each.source
        if isinstance(source, str) and _TEMPLATE_MARK not in source:
            return self._source(source)
        return Template.compile(source, self.evaluator, self.ids)

    def _edge(self, index: int, spec: EdgeSpec) -> PlanEdge:
        inner, outer = self.scopes[spec.source], self.scopes[spec.target]
        hop = 1 if outer == (*inner, spec.source) else -1 if inner == (*outer, spec.target) else 0
        condition = self._program(spec.condition) if spec.condition is not None else None
        transform = self._program(spec.transform) if spec.transform is not None else None
        return PlanEdge(index, spec.source, spec.target, spec.action, condition, transform, hop)

    def _connect(self, nodes: dict[str, PlanNode], edges: tuple[PlanEdge, ...]) -> None:
        outgoing: dict[str, list[PlanEdge]] = defaultdict(list)
        predecessors: dict[str, dict[str, None]] = defaultdict(dict)
        for edge in edges:
            outgoing[edge.source].append(edge)
            if edge.hop >= 0:
                predecessors[edge.target][edge.source] = None
        order = {node_id: position for position, node_id in enumerate(nodes)}
        for node in nodes.values():
            node.edges = tuple(outgoing[node.id])
            node.own_targets = _targets(node)
            node.is_bare = node.params is None and not node.expressions and node.child_inputs is None
            node.predecessors = tuple(sorted(predecessors[node.id], key=order.__getitem__))
            node.has_one_giver = len(node.predecessors) == 1 or node.join == "any"
            node.full_reason = {"rule": node.join, "taken": node.predecessors}
            if len(node.predecessors) == 1:
                node.sole_reason = node.full_reason
            if node.fallback is not None:
                nodes[node.fallback].rescues = node.id
        for node in nodes.values():
            self._adopt_edges(nodes, node)

    def _adopt_edges(self, nodes: dict[str, PlanNode], node: PlanNode) -> None:
        """A fallback decides the edges of the nodes that it stands in for, too."""
        targets, edges = list(node.own_targets), list(node.edges)
        rescued, seen = node.rescues, {node.id}
        while rescued is not None and rescued not in seen:
            seen.add(rescued)
            targets.extend(nodes[rescued].own_targets)
            edges.extend(nodes[rescued].edges)
            rescued = nodes[rescued].rescues
        node.targets = tuple(targets) if node.rescues is not None else node.own_targets
        node.is_plain = node.loop is None and all(
            edge.action is None and edge.condition is None and edge.transform is None for edge in edges
        )

    def _scope_bodies(self, nodes: dict[str, PlanNode]) -> None:
        bodies: dict[str, list[str]] = defaultdict(list)
        for node in nodes.values():
            if node.scopes:
                bodies[node.scopes[-1]].append(node.id)
        for controller, body in bodies.items():
            loop = nodes[controller].loop
            assert loop is not None
            loop.body = tuple(body)


def _end_node() -> PlanNode:
    return PlanNode(
        id=END,
        uses=END,
        params=None,
        expressions={},
        inputs=None,
        child_inputs=None,
        join="all",
        max_attempts=1,
        retry_delay_ms=0.0,
        backoff=1.0,
        jitter=0.0,
        timeout_ms=None,
        fallback=None,
        loop=None,
        for_each=None,
        items=None,
        location=None,
    )


def _targets(node: PlanNode) -> tuple[Target, ...]:
    if len(node.edges) == 1:
        edge = node.edges[0]
        return (Target(node.id, edge.target, node.edges, edge.hop),)
    grouped: dict[str, list[PlanEdge]] = {}
    for edge in node.edges:
        grouped.setdefault(edge.target, []).append(edge)
    return tuple(Target(node.id, target, tuple(edges), edges[0].hop) for target, edges in grouped.items())
