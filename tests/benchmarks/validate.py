"""`flowcraft validate` of long files, as whole processes."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks.blueprint_file import write_chain
from tests.benchmarks.effort import Effort
from tests.benchmarks.figure import Figure
from tests.benchmarks.processes import flowcraft, timed
from tests.benchmarks.rounds import Rounds, in_turn


def measure_validate(effort: Effort) -> list[Figure]:
    with TemporaryDirectory() as name:
        folder = Path(name)
        measures = {}
        for label, size in zip(("one", "short", "long"), (1, *effort.file_nodes), strict=True):
            file = write_chain(folder / f"{label}.yaml", size)
            measures[label] = timed([flowcraft(), "validate", file.name], folder)
        return _figures(effort, in_turn(effort.process_rounds, measures))


def _figures(effort: Effort, taken: Rounds) -> list[Figure]:
    short, long = effort.file_nodes
    own = {
        label: tuple(whole - empty for whole, empty in zip(taken[label], taken["one"], strict=True))
        for label in ("short", "long")
    }
    return [
        Figure("validate", f"{long:,} nodes", "s", taken["long"], "one node", taken["one"], at_most=1.0),
        Figure(
            "validate",
            f"{long:,} nodes, start-up taken off",
            "s",
            own["long"],
            f"{short:,} nodes",
            own["short"],
            at_most_ratio=11,
        ),
    ]
