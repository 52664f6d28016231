"""All subjects by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

from tests.benchmarks.effort import Effort
from tests.benchmarks.figure import Figure
from tests.benchmarks.fleet.measure import measure_fleet
from tests.benchmarks.growth import measure_growth
from tests.benchmarks.memory import measure_memory
from tests.benchmarks.nodes import measure_nodes
from tests.benchmarks.runs import measure_runs
from tests.benchmarks.schedule import measure_schedule
from tests.benchmarks.sqlite import measure_sqlite
from tests.benchmarks.startup import measure_startup
from tests.benchmarks.transport import measure_transport
from tests.benchmarks.validate import measure_validate

SUBJECTS: Final[Mapping[str, Callable[[Effort], list[Figure]]]] = {
    "nodes": measure_nodes,
    "sqlite": measure_sqlite,
    "growth": measure_growth,
    "runs": measure_runs,
    "schedule": measure_schedule,
    "memory": measure_memory,
    "validate": measure_validate,
    "startup": measure_startup,
    "transport": measure_transport,
    "fleet": measure_fleet,
}
