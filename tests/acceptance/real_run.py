"""Runs a case for real, and puts what came out of it into the form that the reference model uses."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import asynccontextmanager
from typing import Any

from flowcraft_engine import (
    ConflictError,
    FlowRuntime,
    NodeRegistry,
    NotFoundError,
    RunResult,
    parse_blueprint,
)
from flowcraft_engine.clock import Clock, ManualClock
from flowcraft_engine.kernel import event as ev
from flowcraft_engine.kernel.event import Event
from flowcraft_engine.kernel.naming import END
from flowcraft_engine.stores.coordination_store import CoordinationStore
from flowcraft_engine.stores.memory_store import MemoryStore
from tests.reference.case import Answer, Case, Result, node_of
from tests.reference.nodes import Gates, node_function

MakeStore = Callable[[Clock], CoordinationStore]
_ENDED = {ev.NODE_COMPLETED, ev.NODE_FAILED, ev.NODE_POISONED, ev.NODE_CANCELLED, ev.NODE_SKIPPED}


def run_real(case: Case, make_store: MakeStore = MemoryStore, concurrency: int = 32) -> Result:
    """The result of the case in this process; timers pass at once."""
    return asyncio.run(_run(case, make_store, concurrency))


async def _run(case: Case, make_store: MakeStore, concurrency: int) -> Result:
    clock = ManualClock(jumps=True)
    store = make_store(clock)
    observer = _Observer()
    store.subscribe(observer.on_events)
    runtime = FlowRuntime(
        registry=observer.registry(case),
        blueprints=[parse_blueprint(child) for child in case.children],
        store=store,
        clock=clock,
        concurrency=concurrency,
    )
    async with _closing(runtime):
        blueprint = parse_blueprint(case.blueprint)
        result = await runtime.run(blueprint, case.inputs, run_id="case")
        told: list[str] = []
        for step in case.answers:
            verdict, result = await _step(runtime, observer, step, result)
            told.append(verdict)
        return _result(result, observer, tuple(told))


@asynccontextmanager
async def _closing(runtime: FlowRuntime) -> Any:
    try:
        yield
    finally:
        await runtime.store.close()


async def _step(
    runtime: FlowRuntime, observer: _Observer, step: Any, result: RunResult
) -> tuple[str, RunResult]:
    try:
        if not isinstance(step, Answer):
            return "accepted", await runtime.cancel("case")
        observer.buffered = False
        given = await runtime.answer("case", step.node, action=step.action, output=step.output)
    except ConflictError:
        return "refused", result
    except NotFoundError:
        return "unknown", result
    verdict = "kept" if observer.buffered else "accepted" if given else "repeated"
    return verdict, await runtime.proceed("case")


class _Observer:
    """Counts executions, and opens the gates that `Late` nodes wait for."""

    def __init__(self) -> None:
        self.gates = Gates()
        self.executions: Counter[str] = Counter()
        self.buffered = False

    def registry(self, case: Case) -> NodeRegistry:
        registry = NodeRegistry()
        for name, behaviour in case.behaviours.items():
            registry.register(self._counted(node_function(behaviour, self.gates)), name)
        return registry

    def _counted(self, function: Any) -> Any:
        async def perform(ctx: Any) -> Any:
            if ctx.run_id == "case":
                self.executions[ctx.instance] += 1
            return await function(ctx)

        return perform

    def on_events(self, run_id: str, events: Any) -> None:
        for event in events:
            self._look_at(event)

    def _look_at(self, event: Event) -> None:
        if event.type in _ENDED:
            self.gates.of(node_of(event.instance)).set()
        self.buffered = self.buffered or event.type == ev.SIGNAL_BUFFERED


def _result(result: RunResult, observer: _Observer, answers: tuple[str, ...]) -> Result:
    nodes = {
        name: run.state
        for name, run in result.nodes.items()
        if name != END and not ("[" in name and run.state == "cancelled" and run.started_at is None)
    }
    return Result(
        status=result.status,
        nodes=nodes,
        node_outputs={
            name: run.output
            for name, run in result.nodes.items()
            if run.state == "completed" and name != END and "[" not in name
        },
        outputs=result.outputs,
        context=result.context,
        errors=frozenset((node_of(error.node or ""), error.code) for error in result.errors),
        attempts=dict(observer.executions),
        answers=answers,
        messages=tuple(error.message for error in result.errors),
    )
