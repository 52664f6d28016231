"""Conditions see the node's own context changes on top of what others have committed by then."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from flowcraft_engine import NodeContext, parse_blueprint
from flowcraft_engine.kernel.commands import ABSENT
from flowcraft_engine.nodes.context_buffer import AsyncContextView
from flowcraft_engine.stores.async_context import MemoryContext
from tests.unit.runtime.play import runtime

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize(
    "condition, change",
    [("done == 4", "increment"), ("len(names) == 4", "append")],
)
async def test_the_last_of_several_that_count_together_knows_that_it_is(condition: str, change: str) -> None:
    """All of them have counted before any of them commits."""
    counted = asyncio.Barrier(4)

    async def count(ctx: NodeContext) -> None:
        if change == "increment":
            await ctx.context.increment("done")
        else:
            await ctx.context.append("names", ctx.node_id)
        await counted.wait()

    nodes = [f"n{number}" for number in range(4)]
    made = parse_blueprint(
        {
            "id": "together",
            "nodes": [
                *({"id": name, "uses": "count"} for name in nodes),
                {"id": "last", "uses": "noop", "config": {"join_strategy": "any"}},
            ],
            "edges": [{"source": name, "target": "last", "condition": condition} for name in nodes],
        }
    )
    result = await runtime(made, {"count": count}).run(made)
    assert result.nodes["last"].state == "completed"


async def test_a_change_that_cannot_be_made_any_more_is_seen_as_it_was_made() -> None:
    """The commit fails the node; until then its conditions are evaluated all the same."""
    view = AsyncContextView(MemoryContext({"n": 1, "gone": 1}))
    await view.increment("n")
    await view.delete("gone")
    now: dict[str, Any] = {"n": 5, "gone": 2}
    assert view.preview(now) == {"n": 6}
    assert view.preview({**now, "n": "text"}) == {"n": 2}
    assert ABSENT not in view.preview({}).values()
