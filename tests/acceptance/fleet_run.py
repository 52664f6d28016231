"""Runs a case on workers over a real Redis, and gives its result in the form that the reference model uses."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

from flowcraft_engine import ConflictError, NodeRegistry, NotFoundError, parse_blueprint
from flowcraft_engine.backends.dramatiq.adapter import DramatiqRedisAdapter
from flowcraft_engine.distributed.adapter import Ports, WorkerOptions
from flowcraft_engine.kernel import event as ev
from flowcraft_engine.kernel.event import Event
from tests.faults.faulty_queue import FaultyQueue, QueueFaults
from tests.reference import real
from tests.reference.case import Answer, Cancel, Case, Result, node_of
from tests.reference.nodes import Gates, node_function

RUN = "case"
_ENDED = {ev.NODE_COMPLETED, ev.NODE_FAILED, ev.NODE_POISONED, ev.NODE_CANCELLED, ev.NODE_SKIPPED}
#: A case that is not over by then hangs.
_LIMIT_S = 60.0
#: Cases at the same time: they share the waiting for workers.
_TOGETHER = 16


def run_all_on_fleets(
    cases: Mapping[int, Case],
    redis_url: str,
    *,
    workers: int,
    faults: Callable[[int], QueueFaults] | None = None,
    prefix: str = "case",
) -> list[Result | Exception]:
    """The results of many cases, several at once, each on `workers` workers of its own, which share but this process.

    `faults` are made from a case's number; `prefix` and number are the namespace.
    """

    async def run() -> list[Result | BaseException]:
        places = asyncio.Semaphore(_TOGETHER)

        async def one(number: int, case: Case) -> Result:
            its_faults = faults(number) if faults else None
            async with places:
                return await _run(case, redis_url, workers, its_faults, namespace=f"{prefix}-{number}")

        runs = (one(number, case) for number, case in cases.items())
        return await asyncio.gather(*runs, return_exceptions=True)

    results: list[Result | Exception] = []
    for result in asyncio.run(run()):
        if isinstance(result, BaseException) and not isinstance(result, Exception):
            raise result
        results.append(result)
    return results


async def _run(
    case: Case, redis_url: str, workers: int, faults: QueueFaults | None, namespace: str
) -> Result:
    async with FleetSession(redis_url, workers, faults, namespace) as session:
        return await real.run_real(case, session)


class FaultyAdapter(DramatiqRedisAdapter):
    """An adapter whose messages meet with accidents."""

    def __init__(self, redis_url: str, faults: QueueFaults | None, **more: Any) -> None:
        super().__init__(redis_url, **more)
        self._faults = faults

    async def _connect(self) -> Ports:
        ports = await super()._connect()
        if self._faults is None:
            return ports
        return replace(ports, queue=FaultyQueue(ports.queue, self._faults))


class FleetSession:
    """A `Session` on a fleet: a client, and workers that are started when the nodes of the case are known."""

    def __init__(self, redis_url: str, workers: int, faults: QueueFaults | None, namespace: str) -> None:
        self._url = redis_url
        self._workers = workers
        self._faults = faults
        self._namespace = namespace
        self._gates = Gates()
        self._was_buffered = False
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> FleetSession:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def start(self, case: Case) -> None:
        registry = NodeRegistry()
        for name, behaviour in case.behaviours.items():
            registry.register(node_function(behaviour, self._gates), name)
        for _ in range(self._workers):
            await self._start_worker(registry)
        children = [parse_blueprint(child) for child in case.children]
        self._client = await self._stack.enter_async_context(
            FaultyAdapter(self._url, self._faults, namespace=self._namespace, blueprints=children)
        )
        self._client.ports.store.subscribe(self._on_events)
        blueprint = parse_blueprint(case.blueprint)
        await self._proceed(await self._client.start_run(blueprint, case.inputs, run_id=RUN))

    async def _start_worker(self, registry: NodeRegistry) -> None:
        options = WorkerOptions(sweep_s=0.2, lost_after_s=0.3)
        worker = FaultyAdapter(
            self._url,
            self._faults,
            namespace=self._namespace,
            registry=registry,
            threads=2,
            is_worker=True,
            options=options,
        )
        await self._stack.enter_async_context(worker)
        worker.ports.store.subscribe(self._open_gates)
        await worker.start()

    async def _proceed(self, run_id: str) -> None:
        result = await self._client.wait(run_id, timeout_s=_LIMIT_S)
        assert result.is_final or result.status == "waiting", result

    async def answer(self, answer: Answer | Cancel) -> str:
        self._was_buffered = False
        try:
            if isinstance(answer, Cancel):
                await self._client.cancel(RUN)
                return "accepted"
            given = await self._client.resume(RUN, answer.node, action=answer.action, output=answer.output)
        except ConflictError:
            return "refused"
        except NotFoundError:
            return "unknown"
        await self._proceed(RUN)
        return "kept" if self._was_buffered else "accepted" if given else "repeated"

    async def document(self) -> dict[str, Any]:
        return (await self._client.show(RUN)).to_json()

    def _open_gates(self, run_id: str, events: Sequence[Event]) -> None:
        """What `Late` nodes wait for."""
        for event in events:
            if event.type in _ENDED:
                self._gates.of(node_of(event.instance)).set()

    def _on_events(self, run_id: str, events: Sequence[Event]) -> None:
        for event in events:
            self._was_buffered = self._was_buffered or event.type == ev.SIGNAL_BUFFERED
