"""Nodes that wait: the schema of an answer is one, and a timeout that would not bound the waiting is told."""

from __future__ import annotations

from flowcraft_engine.blueprint.answer_schema import schema_problem
from flowcraft_engine.blueprint.lint_expressions import holds_template
from flowcraft_engine.blueprint.lint_graph import show
from flowcraft_engine.blueprint.model import Blueprint, NodeSpec
from flowcraft_engine.blueprint.places import Places
from flowcraft_engine.blueprint.report import Report
from flowcraft_engine.blueprint.source import printable

#: Types whose attempt ends at once and which then wait, with what bounds that.
_WAITING = {
    "wait": "the wait has its own: params: {timeout: …}",
    "sleep": "the duration of the sleep is its bound",
    "subflow": "the child blueprint has its own: metadata: {timeout: …}",
}
_TYPES = "the types are array, boolean, integer, null, number, object and string"


def check_waits(blueprint: Blueprint, places: Places, report: Report) -> None:
    """Adds every problem of the nodes that wait to `report`."""
    for node in blueprint.nodes:
        if node.uses in _WAITING:
            _check_timeout(node, places, report)
            if node.uses == "wait":
                _check_schema(node, places, report)


def _check_timeout(node: NodeSpec, places: Places, report: Report) -> None:
    if node.config.timeout is None:
        return
    text = f"`timeout` of '{show(node.id)}' does nothing: it bounds attempts, and a {node.uses} waits outside of them"
    at = places.node(node.id, "config", "timeout")
    report.warning("useless_timeout", text, at, _WAITING[node.uses])


def _check_schema(node: NodeSpec, places: Places, report: Report) -> None:
    schema = node.params.get("schema")
    if not isinstance(schema, dict) or holds_template(schema):
        return  # another type is told with the params, and of a template only the run knows what it makes
    problem = schema_problem(schema)
    if problem is not None:
        path, message = problem
        where = "".join(f".{printable(str(part), 60)}" for part in path)
        text = f"`schema{where}` of '{show(node.id)}' is not JSON Schema: {printable(message, 200)}"
        hint = _TYPES if path and path[-1] == "type" else None
        report.error("bad_answer_schema", text, places.node(node.id, "params", "schema", *path), hint)
