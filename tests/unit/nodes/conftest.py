"""Node contexts over a run's context in a dict; nothing of the engine above the nodes takes part."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from flowcraft_engine.nodes.context_buffer import AsyncContextView, SyncContextView
from flowcraft_engine.nodes.handler import Handler
from flowcraft_engine.nodes.node_context import CancelSignal, NodeContext
from flowcraft_engine.nodes.node_thread import call_in_thread


class DictReader:
    def __init__(self, values: dict[str, Any]) -> None:
        self._values = values

    async def read(self, keys: tuple[str, ...]) -> dict[str, Any]:
        return {key: self._values[key] for key in keys if key in self._values}

    async def read_all(self) -> dict[str, Any]:
        return self._values


@pytest.fixture
def make_ctx() -> Callable[..., NodeContext]:
    """`make_ctx(input=…, params=…, committed=…)`; every other argument is one of `NodeContext`'s."""

    def make(committed: dict[str, Any] | None = None, **changes: Any) -> NodeContext:
        arguments: dict[str, Any] = {
            "run_id": "run-1",
            "blueprint_id": "shop",
            "node_id": "n",
            "instance": "n",
            "attempt": 1,
            "is_last_attempt": True,
            "input": None,
            "params": {},
            "context": AsyncContextView(DictReader(committed or {})),
            "dependencies": {},
            "signal": CancelSignal(),
            "idempotency_base": "run-1",
        }
        return NodeContext(**{**arguments, **changes})

    return make


@pytest.fixture
def execute() -> Callable[..., Any]:
    """Calls a handler as the engine does: on the loop, or in a thread with a sync context."""

    async def run(handler: Handler, ctx: NodeContext) -> Any:
        if handler.is_async:
            return await handler.call(ctx)
        ctx.context = SyncContextView(ctx.context, asyncio.get_running_loop())
        return await call_in_thread(handler.call, ctx)

    return run
