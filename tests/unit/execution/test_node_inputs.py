"""What nodes receive, where the table of scenarios has no notation for it."""

from __future__ import annotations

import pytest

from flowcraft_engine import FlowRuntime, NodeRegistry, parse_blueprint

pytestmark = pytest.mark.asyncio


async def test_what_comes_back_to_a_controller_is_transformed_whatever_its_inputs_name() -> None:
    loop = parse_blueprint(
        {
            "nodes": [
                {"id": "begin", "uses": "set", "params": {"values": {"n": 1}}},
                {
                    "id": "again",
                    "uses": "loop-controller",
                    "inputs": "begin",
                    "needs": ["begin"],
                    "params": {"condition": "input.n < 3"},
                },
                {"id": "body", "uses": "noop"},
            ],
            "edges": [
                {"source": "again", "target": "body", "action": "continue"},
                {"source": "body", "target": "again", "transform": "{'n': input.n + 1}"},
            ],
        }
    )
    result = await FlowRuntime(registry=NodeRegistry()).run(loop)
    assert result.outputs == {"again": {"n": 3}}
