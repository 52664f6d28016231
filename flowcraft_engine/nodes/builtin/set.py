"""The node that writes context keys."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from flowcraft_engine.nodes.builtin import BuiltinSettings
from flowcraft_engine.nodes.builtin.parameters import Parameters, builtin_handler
from flowcraft_engine.nodes.handler import Handler
from flowcraft_engine.nodes.node_context import NodeContext


class SetParams(Parameters):
    values: dict[str, Any] = Field(description="context keys and their values")


async def set_values(ctx: NodeContext, params: SetParams) -> dict[str, Any]:
    """Write values to the context; the output is the object of them.

    - {id: defaults, uses: set, params: {values: {limit: 10, label: "run of ${{ day }}"}}}
    """
    await ctx.context.patch(params.values)
    return params.values


def handler(_: BuiltinSettings) -> Handler:
    return builtin_handler(set_values, "set")
