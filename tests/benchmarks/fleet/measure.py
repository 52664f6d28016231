"""Fleets: real worker processes on a real server, which is started here and empty before each measurement."""

from __future__ import annotations

from tests.benchmarks.effort import Effort
from tests.benchmarks.figure import Figure
from tests.benchmarks.fleet.bench import bench
from tests.benchmarks.fleet.growth import measure_growth
from tests.benchmarks.fleet.latency import measure_latency
from tests.benchmarks.fleet.recovery import measure_recovery
from tests.benchmarks.fleet.throughput import measure_throughput
from tests.benchmarks.fleet.traffic import measure_traffic

_PARTS = (measure_throughput, measure_latency, measure_traffic, measure_growth, measure_recovery)


def measure_fleet(effort: Effort) -> list[Figure]:
    with bench() as server:
        return [figure for measure in _PARTS for figure in measure(server, effort)]
