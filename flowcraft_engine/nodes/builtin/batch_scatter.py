"""The catalog's entry of `batch-scatter`: loading a blueprint turns it into a `for_each` of its worker."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from flowcraft_engine.nodes.builtin import BuiltinSettings
from flowcraft_engine.nodes.builtin.parameters import Parameters, builtin_handler
from flowcraft_engine.nodes.handler import Handler
from flowcraft_engine.nodes.node_context import NodeContext


class BatchScatterParams(Parameters):
    worker_uses_key: str = Field(description="the node type that is run for each item")
    gather_node_id: str = Field(description="the `batch-gather` node that collects the results")
    chunk_size: int | None = Field(default=None, ge=1, description="at most so many items at a time")
    output_key: str | None = Field(default=None, description="context key that gets the list of the results")


async def batch_scatter(ctx: NodeContext, params: BatchScatterParams) -> Any:
    """Run a node type for each item of the input list; its `batch-gather` collects the results.

    Flowcraft's way to write a batch. `for_each` on a node says the same in one line.

        - {id: split, uses: batch-scatter, params: {worker_uses_key: resize, gather_node_id: collect}}
        - {id: collect, uses: batch-gather, needs: [split]}
    """
    return ctx.input


def handler(_: BuiltinSettings) -> Handler:
    return builtin_handler(batch_scatter, "batch-scatter")
