"""The node that runs another blueprint."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from flowcraft_engine.nodes.builtin import BuiltinSettings
from flowcraft_engine.nodes.builtin.parameters import Parameters, builtin_handler
from flowcraft_engine.nodes.handler import Handler
from flowcraft_engine.nodes.node_context import NodeContext
from flowcraft_engine.nodes.result import StartRun


class SubflowParams(Parameters):
    blueprint_id: str = Field(description="the blueprint to run")
    inputs: dict[str, Any] | None = Field(
        default=None,
        description="the child's inputs: child key to a source of this run, of an item also `item` or `index`",
    )
    outputs: dict[str, str] = Field(
        default_factory=dict, description="context keys of this run to nodes or keys of the child"
    )


async def subflow(ctx: NodeContext, params: SubflowParams) -> StartRun:
    """Run another blueprint as a part of this run; the output is the child's outputs.

    The child sees only what `inputs` gives it; without them its start nodes receive the input of this node.

        - id: ship
          uses: subflow
          params: {blueprint_id: shipping, inputs: {address: order.address}, outputs: {label: print-label}}
    """
    return StartRun(params.blueprint_id, params.inputs, dict(params.outputs), ctx.input)


def handler(_: BuiltinSettings) -> Handler:
    return builtin_handler(subflow, "subflow")
