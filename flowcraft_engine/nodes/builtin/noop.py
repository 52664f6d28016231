"""The node that does nothing."""

from __future__ import annotations

from typing import Any

from flowcraft_engine.nodes.builtin import BuiltinSettings
from flowcraft_engine.nodes.function_node import function_handler
from flowcraft_engine.nodes.handler import Handler
from flowcraft_engine.nodes.node_context import NodeContext


async def noop(ctx: NodeContext) -> Any:
    """Do nothing; the output is the input.

    A place for edges to meet, or a start that only passes the run's inputs on.

        - {id: ready, uses: noop, needs: [build, test]}
    """
    return ctx.input


def handler(_: BuiltinSettings) -> Handler:
    # Not `builtin_handler`: what it stands with loads pydantic, which runs of plain nodes do without.
    return function_handler(noop, "noop", origin="flowcraft_engine:noop", is_builtin=True)
