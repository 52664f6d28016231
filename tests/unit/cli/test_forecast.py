"""`run --dry-run` is never wrong where it is certain."""

from __future__ import annotations

from typing import Any

import pytest

from flowcraft_cli.forecast import forecast
from flowcraft_engine import parse_blueprint

SUB = {"id": "a", "uses": "subflow", "params": {"blueprint_id": "x", "outputs": {"k": "v"}}}
SET = {"id": "a", "uses": "set", "params": {"values": {"k": 1}}}


def fates(blueprint: dict[str, Any], **inputs: Any) -> dict[str, str]:
    return {step.node.id: step.fate for step in forecast(parse_blueprint(blueprint), inputs)}


@pytest.mark.parametrize("writer", [SUB, SET, {"id": "a", "uses": "of-the-user"}])
def test_what_a_node_may_write_is_not_known_before(writer: dict[str, Any]) -> None:
    edge = {"source": "a", "target": "b", "condition": "k == 7"}
    assert fates({"nodes": [writer, {"id": "b", "uses": "noop"}], "edges": [edge]})["b"] == "depends"


def test_what_nobody_writes_is_what_the_inputs_say() -> None:
    edge = {"source": "a", "target": "b", "condition": "k == 7"}
    nodes = [{"id": "a", "uses": "noop"}, {"id": "b", "uses": "noop"}]
    assert fates({"nodes": nodes, "edges": [edge]})["b"] == "skipped"
    of_user = [{"id": "a", "uses": "of-the-user"}, {"id": "b", "uses": "noop"}]
    assert fates({"nodes": of_user, "edges": [edge]}, k=7)["b"] == "runs"


@pytest.mark.parametrize(
    ("condition", "out", "plain"),
    [("n > 1", "runs", "skipped"), ("n > 5", "skipped", "runs"), ("outputs.x", "depends", "depends")],
)
def test_an_exit_of_a_loop_comes_before_its_other_edges(condition: str, out: str, plain: str) -> None:
    found = fates(
        {
            "inputs": {"n": {"type": "integer"}},
            "nodes": [
                {"id": "x", "uses": "noop"},
                {"id": "l", "loop": {"start": "x", "end": "x", "condition": "false"}},
                *({"id": name, "uses": "noop"} for name in ("out", "plain", "broken")),
            ],
            "edges": [
                {"source": "l", "target": "out", "condition": condition},
                "l -> plain",
                {"source": "l", "target": "broken", "action": "break"},
            ],
        },
        n=3,
    )
    assert (found["out"], found["plain"], found["broken"]) == (out, plain, plain)
