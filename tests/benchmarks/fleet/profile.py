"""What takes the time of a worker's event loop under many diamonds: `python -m tests.benchmarks.fleet.profile`."""

from __future__ import annotations

from tests.benchmarks.effort import FULL
from tests.benchmarks.fleet.bench import bench
from tests.benchmarks.fleet.workers import workers
from tests.benchmarks.shapes import diamond


def profile(runs: int) -> str:
    """The functions of the thread of the event loop that took the most time themselves."""
    with bench() as server:
        server.start(diamond(), runs)
        with workers(1, server.url, "--profile") as (worker,):
            worker.go()
            server.wait_for(runs)
            return worker.profile()


if __name__ == "__main__":
    print(profile(FULL.fleet_runs))
