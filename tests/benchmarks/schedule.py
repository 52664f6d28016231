"""Wall ÷ critical path: two branches of unequal sleeps, out of step. Waves of nodes would take twice as long."""

from __future__ import annotations

import asyncio
from functools import partial
from time import perf_counter

from flowcraft_engine import FlowRuntime, NodeContext
from tests.benchmarks.effort import Effort
from tests.benchmarks.execution import expect_completed, registry
from tests.benchmarks.figure import Figure
from tests.benchmarks.rounds import in_turn
from tests.benchmarks.shapes import two_branches

SHORT_S, LONG_S = 0.001, 0.050


def measure_schedule(effort: Effort) -> list[Figure]:
    length = effort.sleeps
    taken = in_turn(
        effort.long_rounds, {"bare": partial(_bare, length), "flowcraft": partial(_flowcraft, length)}
    )
    path = tuple(critical_path_ms(length) for _ in taken["bare"])
    name = f"two branches of {length} sleeps"
    return [
        Figure("schedule", name, "ms", taken["flowcraft"], "critical path", path, at_most_ratio=1.05),
        Figure("schedule", f"{name}, two coroutines", "ms", taken["bare"], "critical path", path),
    ]


def critical_path_ms(length: int) -> float:
    """The sleeps of the longer branch."""
    return max(sum(_sleep_s(i, branch) for i in range(length)) for branch in (0, 1)) * 1e3


def _sleep_s(place: int, branch: int) -> float:
    return (SHORT_S, LONG_S)[(place + branch) % 2]


async def _nap(ctx: NodeContext) -> None:
    await asyncio.sleep(SHORT_S)


async def _sleep(ctx: NodeContext) -> None:
    await asyncio.sleep(LONG_S)


def _flowcraft(length: int) -> float:
    known = registry()
    known.register(_nap, "nap")
    known.register(_sleep, "long-sleep")
    blueprint = two_branches(length, ("nap", "long-sleep"))

    async def measure() -> float:
        async with FlowRuntime(registry=known) as runtime:
            begin = perf_counter()
            expect_completed(await runtime.run(blueprint))
            return (perf_counter() - begin) * 1e3

    return asyncio.run(measure())


def _bare(length: int) -> float:
    """The same sleeps without flowcraft: how late the machine itself wakes."""

    async def branch(number: int) -> None:
        for place in range(length):
            await asyncio.sleep(_sleep_s(place, number))

    async def measure() -> float:
        begin = perf_counter()
        await asyncio.gather(branch(0), branch(1))
        return (perf_counter() - begin) * 1e3

    return asyncio.run(measure())
