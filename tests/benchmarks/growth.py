"""Growth: how the whole cost rises with the number of nodes. An exponent of 1 is linear."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from statistics import linear_regression

from flowcraft_engine import Blueprint
from tests.benchmarks.effort import Effort
from tests.benchmarks.execution import execution
from tests.benchmarks.figure import Figure
from tests.benchmarks.rounds import in_turn
from tests.benchmarks.shapes import chain, fan


def measure_growth(effort: Effort) -> list[Figure]:
    return [*_of_shape(effort, "chain", chain), *_of_shape(effort, "fan 1→N→1", fan)]


def _of_shape(effort: Effort, name: str, make: Callable[[int], Blueprint]) -> list[Figure]:
    sizes = effort.growth
    taken = in_turn(
        effort.long_rounds, {str(size): partial(_one, make, size, sizes[0] * 5 // size) for size in sizes}
    )
    exponents = tuple(
        exponent(sizes, costs) for costs in zip(*(taken[str(size)] for size in sizes), strict=True)
    )
    label = f"{name}, {sizes[0]:,} to {sizes[-1]:,}"
    largest = str(sizes[-1])
    return [
        Figure("growth", label, "exponent", exponents, at_most=1.05),
        Figure("growth", f"{name}, N = {sizes[-1]:,}, completes", "µs/node", taken[largest]),
    ]


def _one(make: Callable[[int], Blueprint], size: int, runs: int) -> float:
    # Small runs are repeated, else their round is over before the machine has settled.
    return execution(make(size), runs=max(1, runs))


def exponent(sizes: tuple[int, ...], costs_a_node: tuple[float, ...]) -> float:
    """The slope of the whole cost over the size, both logarithmic."""
    totals = [math.log(size * cost) for size, cost in zip(sizes, costs_a_node, strict=True)]
    return linear_regression([math.log(size) for size in sizes], totals).slope
