"""The node that writes a line to the log."""

from __future__ import annotations

import logging
from typing import Any, Literal

from pydantic import Field

from flowcraft_engine.nodes.builtin import BuiltinSettings
from flowcraft_engine.nodes.builtin.parameters import Parameters, builtin_handler
from flowcraft_engine.nodes.handler import Handler
from flowcraft_engine.nodes.node_context import NodeContext


class LogParams(Parameters):
    message: Any = Field(default=None, description="what to write; default: the input")
    level: Literal["debug", "info", "warning", "error"] = "info"


async def log(ctx: NodeContext, params: LogParams) -> Any:
    """Write a line to the log; the output is the input.

    - {id: tell, uses: log, params: {message: "sold ${{ count.total }}", level: warning}}
    """
    message = ctx.input if params.message is None else params.message
    ctx.logger.log(logging.getLevelNamesMapping()[params.level.upper()], "%s", message)
    return ctx.input


def handler(_: BuiltinSettings) -> Handler:
    return builtin_handler(log, "log")
