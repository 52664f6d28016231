"""Growth of a fleet's cost: of a node with the size of its graph, of a sweep with the runs that have ended."""

from __future__ import annotations

import time
from functools import partial

from flowcraft_engine import Blueprint
from tests.benchmarks.effort import Effort
from tests.benchmarks.figure import Figure
from tests.benchmarks.fleet.bench import KEYS, Bench
from tests.benchmarks.fleet.latency import line, stamps_of
from tests.benchmarks.fleet.nodes import STAMP
from tests.benchmarks.fleet.workers import Worker, workers
from tests.benchmarks.rounds import in_turn
from tests.benchmarks.shapes import fan

_SMALL = 100
#: Small graphs are run more often, else their round is over before the machine has settled.
_REPEATS = 5


def measure_growth(bench: Bench, effort: Effort) -> list[Figure]:
    bench.empty()
    sizes = effort.fleet_chain, effort.fleet_fan
    with workers(1, bench.url, go=True) as (worker,):
        small = min(_SMALL, *sizes)
        taken = in_turn(
            effort.long_rounds,
            {
                "short": partial(_us_a_node, bench, worker, line([STAMP] * small), _REPEATS),
                "long": partial(_us_a_node, bench, worker, line([STAMP] * sizes[0]), 1),
                "narrow": partial(_us_a_node, bench, worker, _fan(small), _REPEATS),
                "wide": partial(_us_a_node, bench, worker, _fan(sizes[1]), 1),
            },
        )
    return [
        Figure(
            "fleet", f"chain of {sizes[0]:,}", "µs/node", taken["long"],
            f"chain of {small}", taken["short"], at_most_ratio=1.1,
        ),
        Figure(
            "fleet", f"fan of {sizes[1]:,}", "µs/node", taken["wide"],
            f"fan of {small}", taken["narrow"], at_most_ratio=1.2,
        ),
        _sweeps(bench, effort),
    ]  # fmt: skip


def _fan(width: int) -> Blueprint:
    blueprint = fan(width)
    nodes = tuple(node.model_copy(update={"uses": STAMP}) for node in blueprint.nodes)
    return blueprint.model_copy(update={"nodes": nodes})


def _us_a_node(bench: Bench, worker: Worker, blueprint: Blueprint, repeats: int) -> float:
    """From the beginning of the first node to that of the last one."""
    count, taken = len(blueprint.nodes), 0.0
    for _ in range(repeats):
        stamps = stamps_of(bench, worker, partial(bench.start, blueprint), count)
        taken += stamps[-1] - stamps[0]
    return taken / repeats / (count - 1) * 1e6


def _sweeps(bench: Bench, effort: Effort) -> Figure:
    taken: dict[str, tuple[float, ...]] = {}
    for name, count in (("few", 0), ("many", effort.fleet_finished)):
        bench.empty()
        _fill_index(bench, count)
        with workers(1, bench.url, go=True) as (worker,):
            taken[name] = in_turn(effort.rounds, {name: worker.sweep_us})[name]
    return Figure(
        "fleet", f"sweep, {effort.fleet_finished:,} runs have ended", "µs", taken["many"],
        "none has", taken["few"], at_most_ratio=1.25,
    )  # fmt: skip


def _fill_index(bench: Bench, count: int) -> None:
    """What runs that have just ended leave in the indexes."""
    now_ms = int(time.time() * 1000)
    for first in range(0, count, 5_000):
        scores = {f"run-{number}": now_ms - number for number in range(first, min(count, first + 5_000))}
        for key in (KEYS.runs, KEYS.finished, KEYS.runs_with("completed")):
            bench.client.zadd(key, scores)
