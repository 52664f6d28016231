"""What a node costs a worker that finds many runs waiting, beside Dramatiq with messages that do nothing."""

from __future__ import annotations

import time
from functools import partial

from flowcraft_engine import Blueprint
from tests.benchmarks.effort import Effort
from tests.benchmarks.figure import Figure
from tests.benchmarks.fleet.bench import Bench
from tests.benchmarks.fleet.workers import workers
from tests.benchmarks.rounds import in_turn
from tests.benchmarks.shapes import chain, diamond
from tests.benchmarks.transport import THREADS, probe

_CHAIN = 50


def measure_throughput(bench: Bench, effort: Effort) -> list[Figure]:
    diamonds, chains = effort.fleet_runs, max(1, effort.fleet_runs // 25)
    messages = diamonds * len(diamond().nodes)
    taken = in_turn(
        effort.long_rounds,
        {
            "stock": partial(_raw, bench, "stock", messages),
            "tuned": partial(_raw, bench, "blocking", messages),
            "one": partial(us_a_node, bench, diamond(), diamonds, 1),
            "two": partial(us_a_node, bench, diamond(), diamonds, 2),
            "chains": partial(us_a_node, bench, chain(_CHAIN), chains, 1),
        },
    )
    stock, tuned = ("raw stock Dramatiq 1×8", taken["stock"]), ("raw, our consumer", taken["tuned"])
    one, two = f"{diamonds} diamonds, 1 process", f"{diamonds} diamonds, 2 processes"
    return [
        Figure("fleet", one, "µs/node", taken["one"], *stock, at_most_ratio=1.0),
        Figure("fleet", one, "µs/node", taken["one"], *tuned, at_most_ratio=2.5),
        Figure("fleet", two, "µs/node", taken["two"], *stock, at_most_ratio=0.625),
        Figure(
            "fleet", f"{chains} chains of {_CHAIN}", "µs/node", taken["chains"], *tuned, at_most_ratio=1.25
        ),
        Figure("fleet", "message that does nothing, our consumer", "µs", taken["tuned"], *stock),
    ]


def us_a_node(bench: Bench, blueprint: Blueprint, runs: int, processes: int) -> float:
    """µs a node from the moment at which connected workers begin, with all runs started before."""
    bench.empty()
    bench.start(blueprint, runs)
    with workers(processes, bench.url) as started:
        begin = time.perf_counter()
        for worker in started:
            worker.begin_to_go()
        taken = bench.wait_for(runs) - begin
    return taken / runs / len(blueprint.nodes) * 1e6


def _raw(bench: Bench, side: str, messages: int) -> float:
    bench.empty()
    return probe(bench.url, f"{side}-throughput", THREADS, messages)
