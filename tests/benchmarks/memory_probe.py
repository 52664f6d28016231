"""A process that tells its peak memory: idle after imports and a small run, with the blueprint, after its run."""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

from tests.benchmarks.execution import execution
from tests.benchmarks.shapes import chain


def probe(length: int) -> dict[str, float]:
    execution(chain(10))
    idle = peak_kb()
    blueprint = chain(length)
    made = peak_kb()
    execution(blueprint)
    return {"idle": idle, "made": made, "run": peak_kb()}


def peak_kb() -> float:
    """The peak of this process. On Linux not from `getrusage`, which remembers the parent's before `exec`."""
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return float(line.split()[1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1024 if sys.platform == "darwin" else peak


if __name__ == "__main__":
    print(json.dumps(probe(int(sys.argv[1]))))
