"""The node that lets time pass, without holding a worker."""

from __future__ import annotations

from pydantic import Field

from flowcraft_engine.nodes.builtin import BuiltinSettings
from flowcraft_engine.nodes.builtin.parameters import Duration, Parameters, builtin_handler
from flowcraft_engine.nodes.handler import Handler
from flowcraft_engine.nodes.node_context import NodeContext
from flowcraft_engine.nodes.result import Sleep


class SleepParams(Parameters):
    duration: Duration = Field(description="how long: `250ms`, `2s`, `5m`, or a number of milliseconds")


async def sleep(ctx: NodeContext, params: SleepParams) -> Sleep:
    """Go on after a while; the output is the input. A sleeping run holds no worker.

    - {id: cool-down, uses: sleep, params: {duration: 30s}}
    """
    return Sleep(params.duration, ctx.input)


def handler(_: BuiltinSettings) -> Handler:
    return builtin_handler(sleep, "sleep")
