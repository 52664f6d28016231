"""Runs a case in this process, and gives its result in the form that the reference model uses."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from flowcraft_engine import (
    ConflictError,
    FlowRuntime,
    NodeContext,
    NodeRegistry,
    NotFoundError,
    parse_blueprint,
)
from flowcraft_engine.clock import Clock, ManualClock
from flowcraft_engine.kernel import event as ev
from flowcraft_engine.kernel.event import Event
from flowcraft_engine.stores.coordination_store import CoordinationStore
from flowcraft_engine.stores.memory_store import MemoryStore
from tests.reference import real
from tests.reference.case import Answer, Cancel, Case, Result, node_of
from tests.reference.nodes import Gates, NodeFunction, node_function

MakeStore = Callable[[Clock], CoordinationStore]
RUN = "case"
_ENDED = {ev.NODE_COMPLETED, ev.NODE_FAILED, ev.NODE_POISONED, ev.NODE_CANCELLED, ev.NODE_SKIPPED}


def run_real(case: Case, make_store: MakeStore = MemoryStore, concurrency: int = 32) -> Result:
    """The result of the case in this process; timers pass at once."""

    async def run() -> Result:
        session = InProcessSession(make_store, concurrency)
        try:
            result = await real.run_real(case, session)
        finally:
            await session.store.close()
        # What the document says was executed is what was executed.
        assert {name: count for name, count in session.executions.items() if name in result.attempts} == {
            name: count for name, count in result.attempts.items() if name in session.executions
        }
        return result

    return asyncio.run(run())


class InProcessSession:
    """A `Session` on `FlowRuntime`, with a clock that jumps to the next timer."""

    def __init__(self, make_store: MakeStore, concurrency: int) -> None:
        self._clock = ManualClock(jumps=True)
        self._concurrency = concurrency
        self._gates = Gates()
        self._was_buffered = False
        self.store = make_store(self._clock)
        self.store.subscribe(self._on_events)
        self.executions: Counter[str] = Counter()

    async def start(self, case: Case) -> None:
        registry = NodeRegistry()
        for name, behaviour in case.behaviours.items():
            registry.register(self._counted(node_function(behaviour, self._gates)), name)
        self._runtime = FlowRuntime(
            registry=registry,
            blueprints=[parse_blueprint(child) for child in case.children],
            store=self.store,
            clock=self._clock,
            concurrency=self._concurrency,
        )
        await self._runtime.run(parse_blueprint(case.blueprint), case.inputs, run_id=RUN)

    async def answer(self, answer: Answer | Cancel) -> str:
        self._was_buffered = False
        try:
            if isinstance(answer, Cancel):
                await self._runtime.cancel(RUN)
                return "accepted"
            given = await self._runtime.answer(RUN, answer.node, action=answer.action, output=answer.output)
        except ConflictError:
            return "refused"
        except NotFoundError:
            return "unknown"
        await self._runtime.proceed(RUN)
        return "kept" if self._was_buffered else "accepted" if given else "repeated"

    async def document(self) -> dict[str, Any]:
        return (await self._runtime.show(RUN)).to_json()

    def _counted(self, function: NodeFunction) -> NodeFunction:
        async def perform(ctx: NodeContext) -> Any:
            if ctx.run_id == RUN:
                self.executions[ctx.instance] += 1
            return await function(ctx)

        return perform

    def _on_events(self, run_id: str, events: Sequence[Event]) -> None:
        for event in events:
            if event.type in _ENDED:
                # What `Late` nodes wait for.
                self._gates.of(node_of(event.instance)).set()
            self._was_buffered = self._was_buffered or event.type == ev.SIGNAL_BUFFERED
