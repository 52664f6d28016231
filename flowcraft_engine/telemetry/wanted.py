"""Telemetry that somebody has asked for, and a sentence for those who have not installed what it needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from flowcraft_engine.errors import UsageError

if TYPE_CHECKING:
    from flowcraft_engine.nodes.handler import Middleware
    from flowcraft_engine.stores.fleet_sizes import FleetSizes
    from flowcraft_engine.telemetry.metrics import WorkerMetrics


def node_tracing() -> Middleware:
    """Raises `UsageError` without `opentelemetry-api`."""
    with _needed("opentelemetry", "traces need opentelemetry-api", "flowcraft-py[otel]"):
        from flowcraft_engine.telemetry.tracing import NodeTracing
    return NodeTracing()


def worker_metrics(sizes: Callable[[], FleetSizes | None]) -> WorkerMetrics:
    """Raises `UsageError` without `prometheus_client`."""
    with _needed("prometheus_client", "metrics need prometheus_client", "flowcraft-py[metrics]"):
        from flowcraft_engine.telemetry.metrics import WorkerMetrics
    return WorkerMetrics(sizes=sizes)


@contextmanager
def _needed(package: str, words: str, extra: str) -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        if (error.name or "").partition(".")[0] != package:
            raise
        raise UsageError(words, hint=f"pip install '{extra}'") from error
