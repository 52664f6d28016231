"""Many at once: concurrent runs in one process, and the items of a batch."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial
from time import perf_counter

from flowcraft_engine import FlowRuntime
from tests.benchmarks.effort import Effort
from tests.benchmarks.execution import expect_completed, registry, task
from tests.benchmarks.figure import Figure
from tests.benchmarks.rounds import in_turn
from tests.benchmarks.shapes import batch, diamond

#: What an asyncio task cost where the bounds were written down, in µs: on slower machines they hold in tasks.
_TASK_US = 3.7


def measure_runs(effort: Effort) -> list[Figure]:
    taken = in_turn(
        effort.rounds,
        {"task": task, "runs": partial(_diamonds, effort.runs), "items": partial(_items, effort.items)},
    )
    runs = f"{effort.runs:,} concurrent runs of 5 nodes"
    items = f"for_each over {effort.items:,} items"
    return [
        _figure(runs, "µs/node", taken["runs"], taken["task"], 17),
        _figure(items, "µs/item", taken["items"], taken["task"], 25),
    ]


def _figure(name: str, unit: str, us: Sequence[float], task_us: Sequence[float], at_most: float) -> Figure:
    ratio = round(at_most / _TASK_US, 1)
    return Figure("runs", name, unit, us, "asyncio task", task_us, at_most=at_most, at_most_ratio=ratio)


def _diamonds(count: int) -> float:
    """µs a node of that many runs of a diamond, started together; starting them is part of it."""
    blueprint = diamond()

    async def measure() -> float:
        async with FlowRuntime(registry=registry()) as runtime:
            begin = perf_counter()
            results = await asyncio.gather(*(runtime.run(blueprint) for _ in range(count)))
            taken = perf_counter() - begin
        for result in results:
            expect_completed(result)
        return taken / count / len(blueprint.nodes) * 1e6

    return asyncio.run(measure())


def _items(count: int) -> float:
    """µs an item of a whole run that hands each item of its input to a node."""
    blueprint = batch()

    async def measure() -> float:
        async with FlowRuntime(registry=registry()) as runtime:
            begin = perf_counter()
            result = await runtime.run(blueprint, {"items": list(range(count))})
            taken = perf_counter() - begin
        expect_completed(result)
        return taken / count * 1e6

    return asyncio.run(measure())
