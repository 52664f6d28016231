"""Routing: which edges of a completed node are taken, and what their transforms make of its output. Pure.

| node | edges tried in turn; the first group with a taken edge decides |
|---|---|
| with an action | edges of exactly that action; edges without action |
| without an action | edges without action |
| loop controller at a pass | conditional edges; then `continue` if the condition holds, else `break` and plain edges |

An edge with a condition is taken if that holds. All others are dead.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from flowcraft_engine.blueprint.fixed_names import BREAK, CONTINUE
from flowcraft_engine.expressions import ExpressionError, Program, Scope
from flowcraft_engine.kernel.plan import PlanEdge, PlanNode
from flowcraft_engine.values import JsonObject, JsonValue, copy_json


class EdgeError(ExpressionError):
    """An expression of an edge could not be evaluated; `edge` is its place in the blueprint."""

    def __init__(self, edge: PlanEdge, error: ExpressionError) -> None:
        super().__init__(f"edge {edge.label}: {error.message}", hint=error.hint)
        self.edge = edge.index


@dataclass(slots=True)
class Route:
    """The taken edges, by index, and why, for those where there was something to decide."""

    taken: list[int] = field(default_factory=list)
    why: JsonObject = field(default_factory=dict)


def route(edges: Iterable[PlanEdge], action: str | None, scope: Scope) -> Route:
    """Decide `edges` for a node that completed with `action`. Raises `ExpressionError`."""
    result = Route()
    if action is not None:
        _decide(result, (edge for edge in edges if edge.action == action), scope)
        if result.taken:
            return result
    _decide(result, (edge for edge in edges if edge.action is None), scope)
    return result


def route_loop_exits(node: PlanNode, scope: Scope) -> Route:
    """A controller's conditional edges, which end the loop before its condition is looked at."""
    result = Route()
    exits = [
        edge for edge in node.edges if edge.condition is not None and edge.action not in (CONTINUE, BREAK)
    ]
    _decide(result, exits, scope)
    return result


def route_loop_end(node: PlanNode, scope: Scope) -> Route:
    """The edges taken once the condition is false: `break`, and those without an action or a condition."""
    result = Route()
    _decide(result, (edge for edge in node.edges if edge.action == BREAK), scope)
    _decide(result, (edge for edge in node.edges if edge.action is None and edge.condition is None), scope)
    return result


def _decide(result: Route, edges: Iterable[PlanEdge], scope: Scope) -> None:
    for edge in edges:
        if edge.condition is None:
            result.taken.append(edge.index)
            if edge.action is not None:
                result.why[str(edge.index)] = {"rule": "action", "action": edge.action}
            continue
        try:
            why = decision(edge.condition, scope)
        except ExpressionError as error:
            raise EdgeError(edge, error) from error
        result.why[str(edge.index)] = why
        if why["holds"]:
            result.taken.append(edge.index)


def decision(condition: Program, scope: Scope) -> JsonObject:
    """Whether a condition holds, with the values that it looked at. Raises `ExpressionError`."""
    why: JsonObject = {
        "rule": "condition",
        "text": condition.text,
        "holds": is_true(condition.evaluate(scope)),
    }
    values, large = condition.observe(scope)
    if values:
        # The event is kept; what the scope holds belongs to the store.
        why["values"] = copy_json(values)
    if large:
        why["large"] = dict(large)
    return why


def is_true(value: JsonValue) -> bool:
    """What counts as true in a condition: what Python's `bool` says of the JSON value."""
    return bool(value)
