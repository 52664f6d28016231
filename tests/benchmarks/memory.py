"""Memory: the peak of a process that makes and runs a long chain, over the same process idle."""

from __future__ import annotations

import json

from tests.benchmarks.effort import Effort
from tests.benchmarks.figure import Figure
from tests.benchmarks.processes import output_of
from tests.benchmarks.rounds import rounds


def measure_memory(effort: Effort) -> list[Figure]:
    length = effort.memory_nodes
    taken = [
        json.loads(output_of(["-m", "tests.benchmarks.memory_probe", str(length)]))
        for _ in rounds(effort.long_rounds)
    ]
    name = f"chain, N = {length:,}"
    whole = tuple((probe["run"] - probe["idle"]) / length for probe in taken)
    blueprint = tuple((probe["made"] - probe["idle"]) / length for probe in taken)
    return [
        Figure("memory", name, "KB/node", whole, at_most=4),
        Figure("memory", f"{name}, of it the blueprint", "KB/node", blueprint),
    ]
