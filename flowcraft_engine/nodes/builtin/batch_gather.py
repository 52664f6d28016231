"""The node that ends a batch: the list of its results, in item order."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from flowcraft_engine.errors import NodeError
from flowcraft_engine.nodes.builtin import BuiltinSettings
from flowcraft_engine.nodes.builtin.parameters import Parameters, builtin_handler
from flowcraft_engine.nodes.handler import Handler
from flowcraft_engine.nodes.node_context import NodeContext


class BatchGatherParams(Parameters):
    gather_node_id: str | None = Field(default=None, description="this node's own id; may be left out")
    output_key: str | None = Field(default=None, description="context key that gets the list, too")


async def batch_gather(ctx: NodeContext, params: BatchGatherParams) -> list[Any]:
    """Collect the results of a batch in item order; the output is the list.

    The partner of `batch-scatter`. With `for_each` on a node it is not needed.

        - {id: collect, uses: batch-gather, params: {output_key: thumbnails}}
    """
    if not isinstance(ctx.input, list):
        raise NodeError(
            f"batch-gather collects a list, and received {type(ctx.input).__name__}", retryable=False
        )
    if params.output_key is not None:
        await ctx.context.set(params.output_key, ctx.input)
    return ctx.input


def handler(_: BuiltinSettings) -> Handler:
    return builtin_handler(batch_gather, "batch-gather")
