"""Decides the edges of an instance that has ended: conditions, transforms, and why."""

from __future__ import annotations

from typing import Any

from flowcraft_engine.blueprint.input_source import InputSource
from flowcraft_engine.execution.environment import Environment
from flowcraft_engine.execution.inputs import resolve_source, walk
from flowcraft_engine.execution.scopes import read_scope
from flowcraft_engine.expressions import ExpressionError, References, Scope
from flowcraft_engine.kernel.commands import Claim, Completed
from flowcraft_engine.kernel.plan import PlanEdge
from flowcraft_engine.kernel.routing import EdgeError, Route, route
from flowcraft_engine.nodes.context_buffer import AsyncContextView
from flowcraft_engine.stores.coordination_store import RunFacts
from flowcraft_engine.values import JsonObject, JsonValue, copy_json


class Router:
    """The expressions around one claimed instance. `view` has its own, not yet committed, context changes."""

    def __init__(self, env: Environment, facts: RunFacts, claim: Claim, view: AsyncContextView) -> None:
        self.env = env
        self.facts = facts
        self.claim = claim
        self.node = facts.plan.nodes[claim.node_id]
        self._view = view
        #: The context keys that conditions have read, with the committed values they had.
        self.expects: dict[str, Any] | None = None
        self.expects_all = False

    async def completed(self, output: JsonValue, action: str | None) -> Completed:
        """The outcome of a node that ended with this result. Raises `ExpressionError`."""
        edges = [edge for target in self.node.targets for edge in target.edges]
        conditions = [edge.condition.references for edge in edges if edge.condition is not None]
        scope = await self.deciding_scope(conditions, output, action)
        return await self.routed(route(edges, action, scope), output, action)

    async def routed(self, decided: Route, output: JsonValue, action: str | None) -> Completed:
        """The outcome, once it is known which edges are taken."""
        values = await self._transformed(decided.taken, output)
        return Completed(output, action, decided.taken, values, decided.why, self._view.changes)

    async def deciding_scope(
        self, references: list[References], output: JsonValue, action: str | None
    ) -> Scope:
        """The scope of conditions; what they read of the context is noted in `expects`."""
        reading = await read_scope(self.env.store, self.facts, self.claim, references, self._view)
        self.expects_all = reading.is_whole
        self.expects = reading.context if reading.context or reading.is_whole else None
        return self._with_result(reading.scope, output, action)

    def _with_result(self, scope: Scope, output: JsonValue, action: str | None) -> Scope:
        """The node's own output is not committed yet, but its expressions see it; a fallback's in both names."""
        scope.result = {"output": output, "action": action}
        scope.input = output
        scope.item, scope.index = self.claim.item, self.claim.index
        scope.outputs = {**scope.outputs, **dict.fromkeys(self._own_names(), output)}
        return scope

    def _own_names(self) -> list[str]:
        """The nodes whose output this one's is: itself, and those that it stands in for."""
        names = [self.node.id]
        rescued = self.node.rescues
        while rescued is not None:
            names.append(rescued)
            rescued = self.facts.plan.nodes[rescued].rescues
        return names

    async def _transformed(self, taken: list[int], output: JsonValue) -> JsonObject | None:
        edges = [self.facts.plan.edges[index] for index in taken]
        edges = [edge for edge in edges if edge.transform is not None]
        if not edges:
            return None
        references = [edge.transform.references for edge in edges if edge.transform is not None]
        reading = await read_scope(self.env.store, self.facts, self.claim, references, self._view)
        scope = self._with_result(reading.scope, output, None)
        values: JsonObject = {}
        for edge in edges:
            assert edge.transform is not None
            scope.input = await self._transform_input(edge, output)
            try:
                values[str(edge.index)] = copy_json(edge.transform.evaluate(scope))
            except ExpressionError as error:
                raise EdgeError(edge, error) from error
        return values

    async def _transform_input(self, edge: PlanEdge, output: JsonValue) -> JsonValue:
        """A transform works on what its target asks for by `inputs: <node>`, else on the source's output.

        A controller's `inputs` are for its first pass only: what comes back to it is the end node's.
        """
        inputs = self.facts.plan.nodes[edge.target].inputs
        if not isinstance(inputs, InputSource) or not inputs.is_node or edge.hop < 0:
            return output
        if inputs.name in self._own_names():
            return walk(output, inputs.path)
        return await resolve_source(self.env.store, self.facts, self.claim, inputs, self.node.scopes)
