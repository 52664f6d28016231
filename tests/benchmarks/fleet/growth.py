"""Growth of a fleet's cost: of a node with the size of its graph, of a sweep with the runs that have ended."""

from __future__ import annotations

import time
from functools import partial

from flowcraft_engine import Blueprint
from tests.benchmarks.effort import Effort
from tests.benchmarks.figure import Figure
from tests.benchmarks.fleet.bench import KEYS, Bench
from tests.benchmarks.fleet.latency import line, notes_of
from tests.benchmarks.fleet.nodes import NAP, STAMP
from tests.benchmarks.fleet.workers import Worker, workers
from tests.benchmarks.processes import keep_on_one_processor
from tests.benchmarks.rounds import in_turn
from tests.benchmarks.shapes import fan

_SMALL = 100
#: To be asked costs a worker as much as some nodes: a long run must not be asked more often a node than a short one.
_PAUSE_S = 0.4
#: Small graphs are run more often, else their round is over before the machine has settled.
_REPEATS = 5


def measure_growth(bench: Bench, effort: Effort) -> list[Figure]:
    bench.empty()
    sizes = effort.fleet_chain, effort.fleet_fan
    small = min(_SMALL, *sizes)
    with workers(1, bench.url, go=True) as (worker,):
        keep_on_one_processor(worker.pid, bench.pid)
        costs = {
            "short": _Cost(bench, worker, line([NAP, *[STAMP] * (small - 1)]), _REPEATS),
            "long": _Cost(bench, worker, line([NAP, *[STAMP] * (sizes[0] - 1)]), 1),
            "narrow": _Cost(bench, worker, _fan(small), _REPEATS),
            "wide": _Cost(bench, worker, _fan(sizes[1]), 1),
        }
        taken = in_turn(effort.long_rounds, costs)
    processor = {name: tuple(cost.processor) for name, cost in costs.items()}
    chains, fans = (
        (f"chain of {sizes[0]:,}", f"chain of {small}"),
        (f"fan of {sizes[1]:,}", f"fan of {small}"),
    )
    return [
        _figure(chains, taken["long"], taken["short"], 1.1),
        _figure(chains, processor["long"], processor["short"], 1.1, ", worker's processor"),
        _figure(fans, taken["wide"], taken["narrow"], 1.2),
        _figure(fans, processor["wide"], processor["narrow"], 1.2, ", worker's processor"),
        _sweeps(bench, effort),
    ]


def _figure(
    names: tuple[str, str], large: tuple[float, ...], small: tuple[float, ...], at_most: float, what: str = ""
) -> Figure:
    return Figure("fleet", names[0] + what, "µs/node", large, names[1], small, at_most_ratio=at_most)


def _fan(width: int) -> Blueprint:
    blueprint = fan(width)
    types = {"first": NAP}
    nodes = tuple(it.model_copy(update={"uses": types.get(it.id, STAMP)}) for it in blueprint.nodes)
    return blueprint.model_copy(update={"nodes": nodes})


class _Cost:
    """Measures µs a node from the end of the first one to the last one.

    The first node takes a while, so that whoever has started the run is silent by then: small graphs would be over
    before that, and share the machine with it. Processor time is noted as well: a busy machine does not stretch it.
    """

    def __init__(self, bench: Bench, worker: Worker, blueprint: Blueprint, repeats: int) -> None:
        self._bench = bench
        self._worker = worker
        self._blueprint = blueprint
        self._repeats = repeats
        self.processor: list[float] = []

    def __call__(self) -> float:
        count, wall_s, processor_s = len(self._blueprint.nodes), 0.0, 0.0
        for _ in range(self._repeats):
            start = partial(self._bench.start, self._blueprint)
            notes = notes_of(self._worker, start, count, pause_s=_PAUSE_S)
            wall_s += notes[-1][0] - notes[0][0]
            processor_s += notes[-1][1] - notes[0][1]
        nodes = self._repeats * (count - 1)
        self.processor.append(processor_s / nodes * 1e6)
        return wall_s / nodes * 1e6


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
