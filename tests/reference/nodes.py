"""Behaviours as real node functions: what the model imagines, done through `ctx`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from flowcraft_engine import FatalNodeError, NodeContext, NodeResult
from tests.reference.behaviours import (
    Add,
    Behaviour,
    Boom,
    BoomIfKey,
    BoomOn,
    Choose,
    Echo,
    ErrorSeen,
    Fatal,
    Flaky,
    GetKey,
    Inc,
    Late,
    NotJson,
    Ret,
    SetKey,
    Slow,
    States,
    Steps,
    Upper,
    same,
    states_of,
    text,
)

NodeFunction = Callable[[NodeContext], Awaitable[NodeResult]]


class Gates:
    """Which nodes of a run have ended: what `Late` waits for. The test opens them, by node id."""

    def __init__(self) -> None:
        self._events: dict[str, asyncio.Event] = {}

    def of(self, node: str) -> asyncio.Event:
        return self._events.setdefault(node, asyncio.Event())


def node_function(behaviour: Behaviour, gates: Gates | None = None) -> NodeFunction:
    """A node function that does `behaviour`."""
    gates = gates or Gates()

    async def perform(ctx: NodeContext) -> NodeResult:
        return await _perform(behaviour, ctx, gates)

    return perform


async def _perform(behaviour: Behaviour, ctx: NodeContext, gates: Gates) -> NodeResult:
    value: Any = ctx.input
    match behaviour:
        case Ret(output, action):
            return NodeResult(output, action)
        case Echo():
            return NodeResult(value)
        case Add(suffix):
            return NodeResult(text(value) + suffix)
        case Upper():
            return NodeResult(text(value).upper())
        case SetKey(key, new):
            await ctx.context.set(key, new)
            return NodeResult(new)
        case Inc(key):
            await ctx.context.increment(key)
            return NodeResult(await ctx.context.get(key))
        case GetKey(key):
            return NodeResult(await ctx.context.get(key))
        case Boom(message):
            raise RuntimeError(message)
        case Fatal(message):
            raise FatalNodeError(message)
        case Flaky(n, output):
            if ctx.attempt < n:
                raise RuntimeError(f"flaky {ctx.attempt}")
            return NodeResult(output)
        case BoomOn(bad, message, otherwise):
            if same(value, bad):
                raise RuntimeError(message)
            return await _perform(otherwise, ctx, gates)
        case BoomIfKey(key, bad, message):
            if same(await ctx.context.get(key), bad):
                raise RuntimeError(message)
            return NodeResult(value)
        case Choose(actions):
            return NodeResult(value, dict(actions).get(text(value)))
        case States():
            return NodeResult(states_of(value))
        case ErrorSeen():
            return NodeResult(ctx.error["code"] if ctx.error else None)
        case NotJson():
            return NodeResult({"bad": {1, 2}})
        case Steps(parts):
            result = NodeResult()
            for part in parts:
                result = await _perform(part, ctx, gates)
            return result
        case Slow(ms, then):
            await asyncio.sleep(ms / 1_000)
            return await _perform(then, ctx, gates)
        case Late(node, then):
            await gates.of(node).wait()
            return await _perform(then, ctx, gates)
    raise TypeError(behaviour)
