"""What a run would do, as far as its inputs alone decide: pure, and never wrong where it is certain.

A context key is taken to be what the run's inputs say unless a node evidently writes it; one that they do not name
may be written by nodes of the user's. Whatever hangs on the result of a node is said to depend on it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from flowcraft_engine.blueprint.context_keys import written_keys
from flowcraft_engine.blueprint.fixed_names import BREAK, CONTINUE
from flowcraft_engine.blueprint.graph import Graph
from flowcraft_engine.blueprint.model import Blueprint, EdgeSpec, NodeSpec
from flowcraft_engine.blueprint.run_inputs import bind_inputs
from flowcraft_engine.expressions import (
    Evaluator,
    ExpressionError,
    References,
    Scope,
    Template,
    evaluator_named,
)

RUNS: Final = "runs"
SKIPPED: Final = "skipped"
DEPENDS: Final = "depends"


@dataclass(slots=True)
class Step:
    """A node and its fate. `params` are as they will be where the inputs decide, else as they are written."""

    node: NodeSpec
    fate: str
    after: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    params: dict[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {
            "node": self.node.id,
            "uses": self.node.uses,
            "fate": self.fate,
            "after": self.after,
            "reasons": self.reasons,
            "params": self.params,
        }


def forecast(blueprint: Blueprint, inputs: Mapping[str, Any]) -> list[Step]:
    """The steps of a run, in an order in which they could happen."""
    return _Forecast(blueprint, bind_inputs(blueprint, inputs)).steps()


class _Forecast:
    def __init__(self, blueprint: Blueprint, inputs: dict[str, Any]) -> None:
        self._blueprint = blueprint
        self._graph = Graph(blueprint)
        self._evaluator: Evaluator = evaluator_named(blueprint.expressions)
        self._ids = frozenset(node.id for node in blueprint.nodes)
        self._scope = Scope(context=inputs, inputs=inputs)
        written = [written_keys(node) for node in blueprint.nodes]
        self._written = {key for keys in written for key in keys or ()}
        self._has_secretive_nodes = None in written
        #: The conditions of each loop's exits, which come before its other edges.
        self._exits: dict[str, list[EdgeSpec]] = {}
        self._incoming: dict[str, list[EdgeSpec]] = {}
        self._routed = {edge.source for edge in blueprint.edges if edge.action is not None}
        for edge in blueprint.edges:
            self._incoming.setdefault(edge.target, []).append(edge)
            if edge.condition is not None and edge.action not in (CONTINUE, BREAK):
                self._exits.setdefault(edge.source, []).append(edge)
        self._fates: dict[str, str] = {}

    def steps(self) -> list[Step]:
        nodes = {node.id: node for node in self._blueprint.nodes}
        order = [node_id for node_id in self._graph.order if node_id in nodes]
        return [self._step(nodes[node_id]) for node_id in order]

    def _step(self, node: NodeSpec) -> Step:
        step = Step(node, RUNS, params=self._params(node.params))
        scopes = self._graph.scopes.get(node.id, ())
        if node.id in self._graph.rescues:
            step.fate, step.reasons = DEPENDS, [f"stands in for {self._graph.rescues[node.id]} if that fails"]
        elif scopes:
            step.fate, step.reasons = DEPENDS, [f"in the body of the loop {scopes[-1]}"]
        else:
            self._join(node, step)
        if node.for_each is not None:
            step.reasons.append("once for each item")
        if node.loop is not None:
            step.reasons.append(f"repeats {node.loop.start} to {node.loop.end} while {node.loop.condition}")
        self._fates[node.id] = step.fate
        return step

    def _join(self, node: NodeSpec, step: Step) -> None:
        """The rule of the join, with a third answer besides taken and dead: nobody knows yet."""
        sources = self._graph.entries[node.id]
        if not sources:
            return
        decisions = {source: self._taken(source, node.id, step.reasons) for source in sources}
        step.after = [source for source in sources if decisions[source] is not False]
        if all(taken is False for taken in decisions.values()):
            step.fate = RUNS if node.config.join_strategy == "all_done" else SKIPPED
        elif not any(taken is True for taken in decisions.values()):
            step.fate = RUNS if node.config.join_strategy == "all_done" else DEPENDS

    def _taken(self, source: str, target: str, reasons: list[str]) -> bool | None:
        """Whether an edge between the two is taken; None if that depends on results."""
        fate = self._fates.get(source)
        if fate == SKIPPED:
            return False
        edges = [edge for edge in self._incoming[target] if edge.source == source and edge.action != CONTINUE]
        answers = [self._edge(edge, reasons) for edge in edges]
        if any(answer is True for answer in answers):
            return True if fate == RUNS else None
        return False if answers and all(answer is False for answer in answers) else None

    def _edge(self, edge: EdgeSpec, reasons: list[str]) -> bool | None:
        holds = self._condition(edge, reasons)
        if holds is False:
            return False
        is_loop = edge.source in self._graph.loops
        if edge.action is not None and not is_loop:
            reasons.append(f"if {edge.source} ends with action {edge.action!r}")
            return None
        if edge.source in self._routed and not is_loop:
            reasons.append(f"if no edge for the action of {edge.source} is taken")
            return None
        if is_loop and edge not in self._exits.get(edge.source, ()):
            return self._ends_without_exit(edge.source, reasons, holds)
        return holds

    def _ends_without_exit(self, loop: str, reasons: list[str], holds: bool | None) -> bool | None:
        """Whether an edge is taken for which a loop has to end by its own condition."""
        exits = [self._condition(edge, []) for edge in self._exits.get(loop, ())]
        if any(exits):
            reasons.append(f"another edge of {loop} ends it")
            return False
        if None in exits:
            reasons.append(f"if no other edge of {loop} ends it")
            return None
        return holds

    def _condition(self, edge: EdgeSpec, reasons: list[str]) -> bool | None:
        if edge.condition is None:
            return True
        try:
            program = self._evaluator.compile(edge.condition, self._ids)
            if not self._is_known(program.references):
                reasons.append(f"if {edge.condition}, once {edge.source} has ended")
                return None
            holds = bool(program.evaluate(self._scope))
        except ExpressionError as error:
            reasons.append(f"{edge.condition} cannot be evaluated: {error.message}")
            return None
        reasons.append(f"{edge.condition} is {'true' if holds else 'false'}")
        return holds

    def _params(self, params: dict[str, Any]) -> dict[str, Any]:
        return {name: self._param(value) for name, value in params.items()}

    def _param(self, value: Any) -> Any:
        try:
            template = Template.compile(value, self._evaluator, self._ids)
            if template.is_constant or not self._is_known(template.references):
                return value
            return template.render(self._scope)
        except ExpressionError:
            return value

    def _is_known(self, references: References) -> bool:
        """Whether the run's inputs alone decide; environment variables are not looked at."""
        reads_results = (
            references.nodes or references.env or references.secrets or references.result or references.input
            or references.item or references.index or references.all_nodes or references.all_context
        )  # fmt: skip
        return not reads_results and not any(map(self._may_be_written, references.context))

    def _may_be_written(self, key: str) -> bool:
        return key in self._written or (self._has_secretive_nodes and key not in self._scope.context)
