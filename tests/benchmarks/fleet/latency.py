"""How long a node waits for a worker that has nothing else to do."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from statistics import median

from flowcraft_engine import Blueprint
from flowcraft_engine.blueprint.model import EdgeSpec, NodeConfig, NodeSpec
from tests.benchmarks.effort import Effort
from tests.benchmarks.figure import Figure
from tests.benchmarks.fleet.bench import Bench, wait_until
from tests.benchmarks.fleet.nodes import NAP, NAP_S, STAMP
from tests.benchmarks.fleet.workers import Worker, workers
from tests.benchmarks.rounds import in_turn
from tests.benchmarks.shapes import NOTHING, fan

_HOPS, _NAPS = 50, 3
_IDLE_S = 3.0
_MANY = 500


def measure_latency(bench: Bench, effort: Effort) -> list[Figure]:
    bench.empty()
    with workers(1, bench.url, go=True) as (one,), workers(1, bench.url, "--concurrency", "500") as (many,):
        taken = in_turn(
            effort.long_rounds,
            {
                "here": partial(_hop_ms, bench, one, through_queue=False),
                "queue": partial(_hop_ms, bench, one, through_queue=True),
                "idle": partial(_idle_ms, bench, one),
                "nap": partial(_after_nap_ms, bench, one, through_queue=False),
                "nap-queue": partial(_after_nap_ms, bench, one, through_queue=True),
            },
        )
        one.kill()
        many.go()
        wide = in_turn(effort.long_rounds, {"wide": partial(_wide_s, bench, many)})
    return [
        _figure("hop of a chain, in place", taken["here"], 0.5),
        _figure("hop of a chain, through the queue", taken["queue"], 1.0),
        _figure(f"job to a worker idle for {_IDLE_S:g} s", taken["idle"], 5.0),
        _figure("added after a node of 500 ms, in place", taken["nap"], 5.0),
        _figure("added after a node of 500 ms, through the queue", taken["nap-queue"], 5.0),
        Figure(
            "fleet", f"{_MANY} async nodes of 0.5 s, --concurrency {_MANY}", "s", wide["wide"], at_most=1.0
        ),
    ]


def _figure(name: str, measured: tuple[float, ...], at_most: float) -> Figure:
    return Figure("fleet", name, "ms", measured, at_most=at_most)


def line(types: list[str], *, through_queue: bool = False) -> Blueprint:
    """A chain of these types. The worker keeps the next node of a chain, but not one that joins by `any`."""
    config = NodeConfig(join_strategy="any" if through_queue else "all")
    return Blueprint(
        id="line",
        nodes=tuple(NodeSpec(id=f"n{i}", uses=uses, config=config) for i, uses in enumerate(types)),
        edges=tuple(EdgeSpec(source=f"n{i}", target=f"n{i + 1}") for i in range(len(types) - 1)),
    )


def stamps_of(worker: Worker, start: Callable[[], None], count: int) -> list[float]:
    """The moments that so many nodes have noted."""
    return [moment for moment, _ in notes_of(worker, start, count)]


def notes_of(
    worker: Worker, start: Callable[[], None], count: int, *, pause_s: float = 0.05
) -> list[tuple[float, float]]:
    """What so many nodes have noted: the moment, and the worker's processor time. Asked for at each pause."""
    worker.notes()
    start()
    found: list[tuple[float, float]] = []

    def are_there() -> bool:
        found.extend(worker.notes())
        return len(found) >= count

    wait_until(are_there, pause_s=pause_s)
    return found


def _hop_ms(bench: Bench, worker: Worker, *, through_queue: bool) -> float:
    blueprint = line([STAMP] * _HOPS, through_queue=through_queue)
    stamps = stamps_of(worker, partial(bench.start, blueprint), _HOPS)
    return (stamps[-1] - stamps[0]) / (_HOPS - 1) * 1e3


def _idle_ms(bench: Bench, worker: Worker) -> float:
    """From the moment at which a client sends the first job of a run."""
    begun = 0.0

    def start() -> None:
        nonlocal begun
        begun = bench.start_after(line([STAMP]), _IDLE_S)

    (stamp,) = stamps_of(worker, start, 1)
    return (stamp - begun) * 1e3


def _after_nap_ms(bench: Bench, worker: Worker, *, through_queue: bool) -> float:
    """From the end of a node that took half a second to the beginning of the next one."""
    blueprint = line([NAP, STAMP] * _NAPS, through_queue=through_queue)
    stamps = stamps_of(worker, partial(bench.start, blueprint), 2 * _NAPS)
    return median(after - before for before, after in zip(stamps[::2], stamps[1::2], strict=True)) * 1e3


def _wide_s(bench: Bench, worker: Worker) -> float:
    """From the first nap's beginning to the last one's end, and the start of the run before."""
    blueprint = fan(_MANY)
    naps = tuple(
        node if node.id in ("first", "last") else NodeSpec(id=node.id, uses=NAP) for node in blueprint.nodes
    )
    assert naps[0].uses == NOTHING
    begin = time.monotonic()
    stamps = stamps_of(worker, partial(bench.start, blueprint.model_copy(update={"nodes": naps})), _MANY)
    assert stamps[-1] - begin > NAP_S
    return stamps[-1] - begin
