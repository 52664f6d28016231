"""Cost of a node in memory: no-op async nodes, events and JSON checks included."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from flowcraft_engine import Blueprint
from tests.benchmarks.effort import Effort
from tests.benchmarks.execution import execution, task, whole_run
from tests.benchmarks.figure import Figure
from tests.benchmarks.rounds import in_turn
from tests.benchmarks.shapes import chain, fan

#: Shape, its maker, and what is allowed: µs a node, or times an asyncio task.
_SHAPES: tuple[tuple[str, Callable[[int], Blueprint], float, float], ...] = (
    ("chain", chain, 15, 4.5),
    ("fan 1→N→1", fan, 20, 6),
)


def measure_nodes(effort: Effort) -> list[Figure]:
    return [figure for shape in _SHAPES for figure in _of_shape(effort, *shape)]


def _of_shape(
    effort: Effort, name: str, make: Callable[[int], Blueprint], at_most: float, at_most_ratio: float
) -> list[Figure]:
    blueprint = make(effort.nodes)
    taken = in_turn(
        effort.rounds,
        {"task": task, "execution": partial(execution, blueprint), "run": partial(whole_run, blueprint)},
    )
    label = f"{name}, N = {effort.nodes:,}"
    return [
        Figure(
            subject="nodes",
            name=label,
            unit="µs/node",
            measured=taken["execution"],
            against="asyncio task",
            yardstick=taken["task"],
            at_most=at_most,
            at_most_ratio=at_most_ratio,
        ),
        Figure("nodes", f"{label}, with compilation", "µs/node", taken["run"], "asyncio task", taken["task"]),
    ]
