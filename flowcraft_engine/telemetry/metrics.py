"""What a worker process counts, for Prometheus. Needs `prometheus_client`.

Labels have few values by design: no run ids, no node ids, and at most 200 pairs of blueprint and node type.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from flowcraft_engine.distributed.observer import SWEEP_ACTIONS, SweepAction
from flowcraft_engine.nodes.handler import CallNext
from flowcraft_engine.nodes.node_context import NodeContext
from flowcraft_engine.stores.fleet_sizes import FleetSizes
from flowcraft_engine.telemetry.bounded_labels import BoundedLabels
from flowcraft_engine.telemetry.outcome import outcome_of_error, outcome_of_value

_BUCKETS_S: Final = (0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800)
#: Both mean that a job travels once more.
_REDELIVERS: Final = frozenset({"published", "taken_back"})


class WorkerMetrics:
    """The metrics of one process, in a registry of their own: a middleware, and an observer of the worker."""

    def __init__(self, *, sizes: Callable[[], FleetSizes | None] = lambda: None) -> None:
        """`sizes` is asked at every scrape, from its thread; None: they are not known just now."""
        self.registry = it = CollectorRegistry()
        self._labels = BoundedLabels()
        self._seconds = Histogram(
            "flowcraft_node_seconds", "How long calls of nodes took.",
            ("blueprint", "node_type", "outcome"), registry=it, buckets=_BUCKETS_S,
        )  # fmt: skip
        self._running = Gauge("flowcraft_nodes_running", "Nodes that are called at this moment.", registry=it)
        self._claims = Counter(
            "flowcraft_claims", "Jobs that came with a message, by whether their node was still to be had.",
            ("result",), registry=it,
        )  # fmt: skip
        self._sweeps = Counter(
            "flowcraft_sweep_actions", "What sweeps of this process have repaired or done because it was due.",
            ("action",), registry=it,
        )  # fmt: skip
        self._redelivered = Counter(
            "flowcraft_redelivered", "Jobs that this process has sent on their way once more.", registry=it
        )
        Gauge("flowcraft_worker_up", "1 as long as the process lives.", registry=it).set(1)
        it.register(_Sizes(sizes))
        ProcessCollector(registry=it)
        self._begin_at_zero()

    def _begin_at_zero(self) -> None:
        """A series that begins with its first event hides that event from `rate`."""
        for result in ("granted", "refused"):
            self._claims.labels(result)
        for action in SWEEP_ACTIONS:
            self._sweeps.labels(action)

    async def __call__(self, ctx: NodeContext, call_next: CallNext) -> Any:
        began = time.perf_counter()
        self._running.inc()
        try:
            value = await call_next(ctx)
        except BaseException as error:  # counted, and raised again
            self._observe(ctx, outcome_of_error(error, ctx), began)
            raise
        self._observe(ctx, outcome_of_value(value), began)
        return value

    def _observe(self, ctx: NodeContext, outcome: str, began: float) -> None:
        self._running.dec()
        blueprint, node_type = self._labels.of(ctx.blueprint_id, ctx.node_type)
        self._seconds.labels(blueprint, node_type, outcome).observe(time.perf_counter() - began)

    def claimed(self, is_granted: bool) -> None:
        self._claims.labels("granted" if is_granted else "refused").inc()

    def swept(self, action: SweepAction, count: int) -> None:
        self._sweeps.labels(action).inc(count)
        if action in _REDELIVERS:
            self._redelivered.inc(count)


class _Sizes(Collector):
    """What is true of the whole fleet, and the same in every process."""

    def __init__(self, read: Callable[[], FleetSizes | None]) -> None:
        self._read = read

    def describe(self) -> Iterator[GaugeMetricFamily]:
        yield from self._families(FleetSizes({}, {}))

    def collect(self) -> Iterator[GaugeMetricFamily]:
        sizes = self._read()
        if sizes is not None:
            yield from self._families(sizes)

    def _families(self, sizes: FleetSizes) -> Iterator[GaugeMetricFamily]:
        runs = GaugeMetricFamily("flowcraft_runs", "Kept runs, sub-runs included.", labels=["status"])
        for status, count in sizes.runs.items():
            runs.add_metric([status], count)
        yield runs
        depth = GaugeMetricFamily("flowcraft_queue_depth", "Messages that wait.", labels=["queue"])
        for queue, count in sizes.queues.items():
            depth.add_metric([queue], count)
        yield depth
