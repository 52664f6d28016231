"""The queue alone, with jobs that do nothing: stock Dramatiq, Dramatiq with our consumer, and our consumer of jobs.

These are the yardsticks of a fleet: what runs cost beyond them is the engine.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable

from tests.benchmarks.effort import Effort
from tests.benchmarks.figure import Figure
from tests.benchmarks.processes import ROOT
from tests.benchmarks.rounds import in_turn
from tests.unit.backends.dramatiq.valkey import Valkey

THREADS = 8
HOPS, WAITS, NODES = 50, 5, 3


def measure_transport(effort: Effort) -> list[Figure]:
    count = effort.messages
    with Valkey() as server:
        taken = in_turn(
            effort.long_rounds,
            {
                f"{side}-{what} {threads}": _probe(
                    server, f"{side}-{what}", threads, max(1, size * threads // THREADS)
                )
                for what, size in {
                    "throughput": count,
                    "hop": min(HOPS, count),
                    "idle": min(WAITS, count),
                    "node": min(NODES, count),
                }.items()
                for side in ("stock", "blocking", "jobs")
                for threads in ((1, THREADS) if what == "throughput" else (THREADS,))
            },
        )
    return [
        *_beside_stock(taken, "no-op message, {side}", "µs", "throughput", at_most_ratio=0.55),
        _single(taken),
        *_beside_stock(taken, "hop of a chain, {side}", "ms", "hop", at_most=1.0, at_most_ratio=0.15),
        *_beside_stock(
            taken, "message to a worker idle for 1 s, {side}", "ms", "idle", at_most=5.0, at_most_ratio=0.05
        ),
        *_beside_stock(
            taken, "added to a node of 500 ms, {side}", "ms", "node", at_most=5.0, at_most_ratio=0.1
        ),
    ]


def _beside_stock(
    taken: dict[str, tuple[float, ...]],
    name: str,
    unit: str,
    what: str,
    *,
    at_most: float | None = None,
    at_most_ratio: float | None = None,
) -> list[Figure]:
    stock = taken[f"stock-{what} {THREADS}"]
    return [
        Figure(
            "transport",
            name.format(side=said),
            unit,
            taken[f"{side}-{what} {THREADS}"],
            "stock Dramatiq",
            stock,
            at_most=at_most,
            at_most_ratio=at_most_ratio,
        )
        for side, said in (("blocking", "our consumer"), ("jobs", "jobs on a loop"))
    ]


def _single(taken: dict[str, tuple[float, ...]]) -> Figure:
    ours, stock = taken["blocking-throughput 1"], taken["stock-throughput 1"]
    return Figure(
        "transport", "the same with one thread", "µs", ours, "stock Dramatiq", stock, at_most_ratio=0.2
    )


def _probe(server: Valkey, name: str, threads: int, count: int) -> Callable[[], float]:
    def measure() -> float:
        with server.client() as client:
            client.flushall()
        return probe(server.url, name, threads, count)

    return measure


def probe(url: str, name: str, threads: int, count: int) -> float:
    """One measurement in a process of its own, on a server that is empty; see `transport_probe`."""
    command = [sys.executable, "-m", "tests.benchmarks.transport_probe", url, name, str(threads), str(count)]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    return float(done.stdout)
