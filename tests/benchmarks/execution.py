"""Runs of a blueprint through the public runtime, timed; and the asyncio task that they are compared with."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable
from time import perf_counter

from flowcraft_engine import (
    Blueprint,
    CoordinationStore,
    FlowRuntime,
    NodeContext,
    NodeRegistry,
    RunResult,
)
from flowcraft_engine.stores.memory_store import MemoryStore
from tests.benchmarks.shapes import NOTHING

MakeStore = Callable[[], CoordinationStore]
_TASKS = 5_000


async def do_nothing(ctx: NodeContext) -> None:
    return None


def registry() -> NodeRegistry:
    known = NodeRegistry()
    known.register(do_nothing, NOTHING)
    return known


def execution(blueprint: Blueprint, *, store: MakeStore = MemoryStore, runs: int = 1) -> float:
    """µs a node from a started run to its end: what the kernel, the store, the events and the checks cost."""

    async def measure() -> float:
        runtime = FlowRuntime(registry=registry(), store=store())
        taken = 0.0
        async with runtime:
            for _ in range(runs):
                run_id = await runtime.start(blueprint)
                gc.freeze()  # as `flowcraft run` does when the blueprint is compiled
                begin = perf_counter()
                result = await runtime.proceed(run_id)
                taken += perf_counter() - begin
                expect_completed(result)
        return taken / runs / len(blueprint.nodes) * 1e6

    return asyncio.run(measure())


def whole_run(blueprint: Blueprint) -> float:
    """µs a node of `run`, with the compilation of a blueprint that the runtime has not seen before."""

    async def measure() -> float:
        async with FlowRuntime(registry=registry()) as runtime:
            begin = perf_counter()
            result = await runtime.run(blueprint)
            taken = perf_counter() - begin
        expect_completed(result)
        return taken / len(blueprint.nodes) * 1e6

    return asyncio.run(measure())


def task() -> float:
    """µs of one asyncio task that is created and awaited: the least that a node of its own could cost."""

    async def nothing() -> None:
        return None

    async def measure() -> float:
        begin = perf_counter()
        for _ in range(_TASKS):
            await asyncio.create_task(nothing())
        return (perf_counter() - begin) / _TASKS * 1e6

    return asyncio.run(measure())


def expect_completed(result: RunResult) -> None:
    if result.status != "completed":
        raise RuntimeError(f"the run that was measured ended as {result.status}: {result.errors}")
