"""Cost of a node whose run is kept in SQLite, beside the same run in memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from flowcraft_engine import Blueprint
from flowcraft_engine.backends.sqlite import SqliteStore
from tests.benchmarks.effort import Effort
from tests.benchmarks.execution import MakeStore, execution
from tests.benchmarks.figure import Figure
from tests.benchmarks.rounds import Rounds, in_turn
from tests.benchmarks.shapes import chain, fan


def measure_sqlite(effort: Effort) -> list[Figure]:
    with _new_stores() as new_store:
        figures = [_chain(effort, new_store)]
        figures.extend(_fan(effort, width, new_store) for width in effort.fans)
    return figures


def _chain(effort: Effort, new_store: MakeStore) -> Figure:
    taken = _side_by_side(effort, chain(effort.nodes), new_store)
    name = f"chain, N = {effort.nodes:,}"
    return Figure("sqlite", name, "µs/node", taken["sqlite"], "in memory", taken["memory"], at_most=45)


def _fan(effort: Effort, width: int, new_store: MakeStore) -> Figure:
    taken = _side_by_side(effort, fan(width), new_store)
    name = f"fan 1→N→1, N = {width:,}"
    return Figure(
        "sqlite", name, "µs/node", taken["sqlite"], "in memory", taken["memory"], at_most_ratio=1.25
    )


def _side_by_side(effort: Effort, blueprint: Blueprint, new_store: MakeStore) -> Rounds:
    runs = max(1, effort.nodes // len(blueprint.nodes))  # small graphs alone would be over in a millisecond
    return in_turn(
        effort.rounds,
        {
            "memory": partial(execution, blueprint, runs=runs),
            "sqlite": partial(execution, blueprint, runs=runs, store=new_store),
        },
    )


@contextmanager
def _new_stores() -> Iterator[MakeStore]:
    """A maker of stores, each in a file of its own that is gone in the end."""
    with TemporaryDirectory() as folder:
        numbers = count()
        yield lambda: SqliteStore(Path(folder) / f"{next(numbers)}.db")
