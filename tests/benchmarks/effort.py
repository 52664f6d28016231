"""How much is measured: for results that are kept, for a look, or only to see that the benchmarks still run."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Effort:
    #: Repeats of what takes milliseconds, of what takes seconds, and of whole processes.
    rounds: int
    long_rounds: int
    process_rounds: int
    nodes: int
    fans: tuple[int, int]
    growth: tuple[int, ...]
    runs: int
    items: int
    sleeps: int
    memory_nodes: int
    file_nodes: tuple[int, int]
    messages: int
    #: Of the fleet: runs that wait, the long and the wide graph, ready jobs, ended runs, killed workers.
    fleet_runs: int
    fleet_chain: int
    fleet_fan: int
    fleet_jobs: int
    fleet_finished: int
    kills: int


FULL = Effort(
    rounds=15,
    long_rounds=5,
    process_rounds=15,
    nodes=1_000,
    fans=(100, 1_000),
    growth=(1_000, 10_000, 100_000),
    runs=1_000,
    items=10_000,
    sleeps=10,
    memory_nodes=10_000,
    file_nodes=(1_000, 10_000),
    messages=5_000,
    fleet_runs=500,
    fleet_chain=3_000,
    fleet_fan=10_000,
    fleet_jobs=100_000,
    fleet_finished=100_000,
    kills=20,
)
QUICK = replace(
    FULL,
    rounds=5,
    long_rounds=2,
    process_rounds=5,
    growth=(1_000, 10_000),
    fleet_jobs=20_000,
    kills=2,
)
SMOKE = Effort(
    rounds=1,
    long_rounds=1,
    process_rounds=1,
    nodes=10,
    fans=(3, 5),
    growth=(10, 20, 40),
    runs=3,
    items=5,
    sleeps=2,
    memory_nodes=20,
    file_nodes=(5, 20),
    messages=2,
    fleet_runs=2,
    fleet_chain=5,
    fleet_fan=5,
    fleet_jobs=20,
    fleet_finished=10,
    kills=0,
)
