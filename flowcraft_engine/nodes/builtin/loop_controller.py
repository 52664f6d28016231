"""The catalog's entry of `loop-controller`: the engine decides its passes."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from flowcraft_engine.nodes.builtin import BuiltinSettings
from flowcraft_engine.nodes.builtin.parameters import Parameters, builtin_handler
from flowcraft_engine.nodes.handler import Handler
from flowcraft_engine.nodes.node_context import NodeContext


class LoopControllerParams(Parameters):
    condition: Any = Field(description="an expression: another pass while it holds")
    max_iterations: int = Field(default=10_000, ge=1, description="the node fails after so many passes")


async def loop_controller(ctx: NodeContext, params: LoopControllerParams) -> Any:
    """Repeat its body (edge `continue`) while a condition holds, then go on (edge `break`).

    The output is the input: what led here first, then what the body's last node returned.

    The `loop` key of a node writes the edges of the body for you.

        - {id: again, uses: loop-controller, params: {condition: "poll.state != 'done'", max_iterations: 50}}
    """
    return ctx.input


def handler(_: BuiltinSettings) -> Handler:
    return builtin_handler(loop_controller, "loop-controller")
