"""The node that makes sure."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field

from flowcraft_engine.errors import NodeError
from flowcraft_engine.nodes.builtin import BuiltinSettings
from flowcraft_engine.nodes.builtin.parameters import Parameters, builtin_handler
from flowcraft_engine.nodes.handler import Handler
from flowcraft_engine.nodes.node_context import NodeContext


class CheckParams(Parameters):
    # If it does not hold the engine says why, as `__that__`; for authors every other key is an error.
    model_config = ConfigDict(extra="ignore", json_schema_extra={"additionalProperties": False})

    that: Any = Field(description="an expression that must hold")
    message: str | None = Field(default=None, description="what the failure says")


async def check(ctx: NodeContext, params: CheckParams) -> bool:
    """Fail unless an expression holds; the output is true. A failed check is not tried again.

    - {id: enough, uses: check, params: {that: "stock.count >= order.amount", message: Sold out}}
    """
    if params.that:
        return True
    why = ctx.params.get("__that__")
    error = NodeError(
        params.message or (f"this does not hold: {why['text']}" if why else "the check does not hold"),
        retryable=False,
    )
    error.failure_cause = why
    raise error


def handler(_: BuiltinSettings) -> Handler:
    return builtin_handler(check, "check")
