"""What can be seen of a worker process from outside: metrics over HTTP, and traces."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

from flowcraft_cli.working.log import say
from flowcraft_cli.working.order import WorkOrder
from flowcraft_engine.distributed.observer import UNOBSERVED, WorkObserver
from flowcraft_engine.errors import BackendError, UsageError
from flowcraft_engine.nodes.handler import Middleware

if TYPE_CHECKING:
    from flowcraft_engine.distributed.adapter import BaseDistributedAdapter
    from flowcraft_engine.stores.fleet_sizes import FleetSizes
    from flowcraft_engine.telemetry.metrics import WorkerMetrics
    from flowcraft_engine.telemetry.metrics_server import MetricsServer

#: A scrape has ten seconds; what the fleet does not answer in this time is left out.
_SIZES_WITHIN_S = 2.0
#: An event loop that a node holds up for longer than this is not healthy.
_ALIVE_WITHIN_S = 5.0


class WorkerTelemetry:
    """Of one process, which is number `index`. Costs nothing where nothing is asked for."""

    def __init__(self, order: WorkOrder, index: int) -> None:
        from flowcraft_engine.assembly.nodes import make_middleware

        self.middleware: tuple[Middleware, ...] = make_middleware(order.settings)
        self.observer: WorkObserver = UNOBSERVED
        self._address = port_of(order, index)
        self._metrics: WorkerMetrics | None = None
        self._server: MetricsServer | None = None
        self._adapter: BaseDistributedAdapter | None = None
        self._traces = order.settings.traces
        if self._address is not None:
            self._count()

    def _count(self) -> None:
        from flowcraft_engine.telemetry.loop_question import LoopQuestion
        from flowcraft_engine.telemetry.wanted import worker_metrics

        sizes = LoopQuestion(asyncio.get_running_loop(), self._sizes)
        self._metrics = metrics = worker_metrics(lambda: sizes.ask(_SIZES_WITHIN_S))
        self.middleware = (*self.middleware, metrics)
        self.observer = metrics

    async def _sizes(self) -> FleetSizes:
        from flowcraft_engine.assembly.fleet import fleet_sizes

        assert self._adapter is not None
        return await fleet_sizes(self._adapter)

    def serve(self, adapter: BaseDistributedAdapter) -> None:
        """Serve from now on. An address that cannot be had is told; the worker works all the same."""
        if self._metrics is None or self._address is None:
            return
        from flowcraft_engine.telemetry.loop_question import LoopQuestion
        from flowcraft_engine.telemetry.metrics_server import MetricsServer

        self._adapter = adapter
        pulse = LoopQuestion(asyncio.get_running_loop(), _answer)
        self._server = MetricsServer(self._metrics.registry, lambda: pulse.ask(_ALIVE_WITHIN_S) is True)
        try:
            url = self._server.start(*self._address)
        except BackendError as error:
            say(f"warning: {error.message}")
        else:
            say(f"metrics are served on {url}", url=url)

    def close(self) -> None:
        """Stop serving, and send the spans that are still here. Blocks; for the end of the process."""
        if self._server is not None:
            self._server.stop()
        if self._traces:
            from flowcraft_engine.telemetry.tracing import flush_spans

            flush_spans()


async def _answer() -> bool:
    return True


def port_of(order: WorkOrder, index: int) -> tuple[str, int] | None:
    """Where process `index` serves its metrics: the ports follow each other. Port 0 is any free one."""
    if order.worker.metrics is None:
        return None
    host, port = order.worker.metrics
    return host, port + index if port else 0


def require_telemetry(order: WorkOrder) -> None:
    """Raises `UsageError` if something is not installed, or if a port cannot be had."""
    from flowcraft_engine.assembly.nodes import make_middleware

    make_middleware(order.settings)
    if order.worker.metrics is None:
        return
    from flowcraft_engine.telemetry.wanted import worker_metrics

    worker_metrics(lambda: None)
    for index in range(order.worker.processes):
        address = port_of(order, index)
        assert address is not None
        _require_free(*address)


def _require_free(host: str, port: int) -> None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except (OSError, OverflowError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise UsageError(
            f"metrics cannot be served on port {port} of {host}: {why}",
            hint="choose another --metrics; each further process needs the next port",
        ) from error
