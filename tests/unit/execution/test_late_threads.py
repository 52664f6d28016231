"""Threads that outlive their attempt: what they write to the context is nobody's."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from flowcraft_engine import BaseNode, NodeContext, NodeRegistry, node, parse_blueprint
from flowcraft_engine.runtime.flow_runtime import FlowRuntime


@pytest.mark.asyncio
async def test_a_rescue_commits_nothing_that_the_attempt_before_it_writes_late() -> None:
    go_on, has_written = threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    @node("stubborn")
    class Stubborn(BaseNode):
        def exec(self, value: Any, ctx: NodeContext) -> None:
            go_on.wait(30)
            ctx.context.set("late", True)
            loop.call_soon_threadsafe(has_written.set)

        async def fallback(self, error: BaseException, ctx: NodeContext) -> str:  # type: ignore[override]
            await ctx.context.set("rescued", True)
            go_on.set()
            await has_written.wait()
            return "rescued"

    made = parse_blueprint(
        {"id": "x", "nodes": [{"id": "A", "uses": "stubborn", "config": {"timeout": "50ms"}}]}
    )
    result = await FlowRuntime(registry=NodeRegistry([Stubborn])).run(made)
    assert (result.status, result.nodes["A"].output) == ("completed", "rescued")
    assert result.context == {"rescued": True}
