"""Spans of attempts, runs and waits, recorded by the real SDK."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext, StatusCode

from flowcraft_engine import Blueprint, FlowRuntime, NodeRegistry, node
from flowcraft_engine.telemetry.trace_ids import TraceIds, parent_run_id
from flowcraft_engine.telemetry.tracing import NodeTracing
from tests.unit.telemetry.flows import flow

pytestmark = pytest.mark.asyncio


class Recorded:
    """A tracer that keeps what it is told."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracer = provider.get_tracer("test")

    def spans(self, name: str | None = None) -> list[ReadableSpan]:
        """Those of that name; without one those of attempts."""
        told = self._exporter.get_finished_spans()
        if name is not None:
            return [it for it in told if it.name == name]
        return [it for it in told if "flowcraft.attempt" in (it.attributes or {})]

    def one(self, name: str) -> ReadableSpan:
        [found] = self.spans(name)
        return found

    def runtime(self, *nodes: Any, blueprints: tuple[Blueprint, ...] = ()) -> FlowRuntime:
        return FlowRuntime(
            registry=NodeRegistry(nodes), blueprints=blueprints, middleware=[NodeTracing(self.tracer)]
        )


def context_of(span: ReadableSpan) -> SpanContext:
    found = span.get_span_context()
    assert found is not None
    return found


def attribute(span: ReadableSpan, name: str) -> Any:
    assert span.attributes is not None
    return span.attributes[f"flowcraft.{name}"]


async def test_a_run_is_one_trace_with_a_span_for_each_attempt():
    @node("flaky")
    async def flaky(ctx: Any) -> int:
        if ctx.attempt == 1:
            raise ValueError("not yet")
        return ctx.attempt

    made = flow(
        "id: f\nmetadata: {version: '3'}\n"
        "nodes: [{id: a, uses: flaky, config: {maxRetries: 2}}, {id: b, uses: noop, needs: [a]}]"
    )
    recorded = Recorded()
    assert (await recorded.runtime(flaky).run(made, run_id="r1")).status == "completed"
    first, second, last = recorded.spans()
    assert [it.name for it in (first, second, last)] == ["a", "a", "b"]
    ids = TraceIds.of("r1")
    assert {context_of(it).trace_id for it in recorded.spans()} == {ids.trace_id}
    assert all(it.parent is not None and it.parent.span_id == ids.span_id for it in recorded.spans())
    assert first.status.status_code is StatusCode.ERROR
    assert first.status.description == "not yet"
    assert [attribute(it, "outcome") for it in (first, second)] == ["failed", "completed"]
    assert [attribute(it, "attempt") for it in (first, second)] == [1, 2]
    assert (attribute(last, "node.type"), attribute(last, "blueprint.version")) == ("noop", "3")


async def test_a_sub_run_is_a_trace_of_its_own_that_links_to_the_run_above_it():
    child = flow("id: child\nnodes: [{id: inner, uses: noop}]")
    made = flow("id: f\nnodes: [{id: s, uses: subflow, params: {blueprintId: child}}]")
    recorded = Recorded()
    assert (await recorded.runtime(blueprints=(child,)).run(made, run_id="r2")).status == "completed"
    [above], [inner] = recorded.spans("s"), recorded.spans("inner")
    assert attribute(above, "outcome") == "suspended"
    assert context_of(inner).trace_id == TraceIds.of("r2:s").trace_id
    assert [it.context.trace_id for it in inner.links] == [context_of(above).trace_id]
    assert list(above.links) == []


def links_of(span: ReadableSpan) -> list[tuple[str, int]]:
    return [(str((it.attributes or {})["flowcraft.link"]), it.context.span_id) for it in span.links]


async def test_the_root_of_a_trace_is_the_run_itself():
    recorded = Recorded()
    made = flow(
        "id: f\nmetadata: {version: '3'}\nnodes: [{id: a, uses: noop}, {id: b, uses: noop, needs: [a]}]"
    )
    await recorded.runtime().run(made, run_id="r1")
    root, ids = recorded.one("run f"), TraceIds.of("r1")
    assert root.parent is None
    assert (context_of(root).trace_id, context_of(root).span_id) == (ids.trace_id, ids.span_id)
    assert (attribute(root, "run_id"), attribute(root, "run.status")) == ("r1", "completed")
    assert root.status.status_code is StatusCode.UNSET
    assert root.start_time is not None
    assert root.end_time is not None
    first = recorded.one("a").start_time
    assert first is not None
    assert root.start_time <= first < root.end_time


async def test_a_failed_run_and_its_retry_are_told_apart():
    broken = [True]

    @node("flaky")
    async def flaky(ctx: Any) -> None:
        if broken[0]:
            raise ValueError("not yet")

    recorded = Recorded()
    runtime = recorded.runtime(flaky)
    async with runtime:
        await runtime.run(flow("id: f\nnodes: [{id: a, uses: flaky}]"), run_id="r1")
        broken[0] = False
        await runtime.retry("r1")
        await runtime.proceed("r1")
    root, again = recorded.one("run f"), recorded.one("run f, retry")
    assert root.status.status_code is StatusCode.ERROR
    assert root.status.description == "not yet"
    assert again.parent is not None
    assert again.parent.span_id == context_of(root).span_id
    assert (attribute(again, "run.generation"), attribute(again, "run.status")) == (2, "completed")
    assert again.status.status_code is StatusCode.UNSET


async def test_a_wait_has_a_span_and_what_goes_on_is_linked_to_it():
    recorded = Recorded()
    made = flow(
        "id: f\nnodes: [{id: w, uses: wait}, {id: s, uses: sleep, params: {duration: 10}, needs: [w]}]"
    )
    runtime = recorded.runtime()
    assert (await runtime.run(made, run_id="r1")).status == "waiting"
    assert recorded.spans("w waits") == [], "it is told with the run"
    assert (await runtime.resume("r1", output=1)).status == "completed"
    root = context_of(recorded.one("run f"))
    for name, kind, by in (("w", "answer", "answer"), ("s", "timer", "timer")):
        waits, goes_on = recorded.one(f"{name} waits"), recorded.one(f"{name} goes on")
        assert attribute(waits, "wait.kind") == kind
        assert by in attribute(goes_on, "resumed_by")
        assert links_of(goes_on) == [("wait", context_of(waits).span_id)]
        assert waits.end_time == goes_on.start_time
        for span in (waits, goes_on):
            assert context_of(span).trace_id == root.trace_id
            assert span.parent is not None
            assert span.parent.span_id == root.span_id


async def test_sub_runs_and_the_waits_for_them_are_linked():
    child = flow("id: child\nnodes: [{id: inner, uses: noop}]")
    made = flow("id: f\nnodes: [{id: s, uses: subflow, params: {blueprintId: child}}]")
    recorded = Recorded()
    await recorded.runtime(blueprints=(child,)).run(made, run_id="r2")
    above, below = recorded.one("run f"), recorded.one("run child")
    assert links_of(below) == [("parent_run", context_of(above).span_id)]
    assert links_of(recorded.one("s waits")) == [("child_run", context_of(below).span_id)]


async def test_a_run_that_is_cancelled_while_it_waits_is_told_once():
    recorded = Recorded()
    runtime = recorded.runtime()
    async with runtime:
        await runtime.run(flow("id: f\nnodes: [{id: w, uses: wait}]"), run_id="r1")
        await runtime.cancel("r1")
    assert attribute(recorded.one("run f"), "run.status") == "cancelled"
    assert recorded.one("w waits").end_time == recorded.one("run f").end_time


async def test_a_wait_that_a_cancellation_has_ended_is_not_told_again():
    broken = [False]

    @node("flaky")
    async def flaky(ctx: Any) -> None:
        if broken[0]:
            raise ValueError("not any more")

    recorded = Recorded()
    runtime = recorded.runtime(flaky)
    made = flow("id: f\nnodes: [{id: a, uses: flaky}, {id: w, uses: wait, needs: [a]}]")
    async with runtime:
        await runtime.run(made, run_id="r1")
        await runtime.cancel("r1")
        broken[0] = True
        assert (await runtime.rerun("r1", "a")).status == "failed"
        broken[0] = False
        await runtime.rerun("r1", "a")
        await runtime.resume("r1", output=1)
    assert len(recorded.spans("run f, rerun")) == 2
    first, second = recorded.spans("w waits")
    assert first.end_time == recorded.one("run f").end_time
    assert context_of(first).span_id != context_of(second).span_id
    assert attribute(recorded.one("w goes on"), "resumed_by") == "answered"


async def test_a_node_that_waits_for_its_sub_run_again_waits_since_the_retry():
    child = flow("id: child\nnodes: [{id: w, uses: wait}]")
    made = flow("id: f\nnodes: [{id: s, uses: subflow, params: {blueprintId: child}}]")
    recorded = Recorded()
    runtime = recorded.runtime(blueprints=(child,))
    async with runtime:
        await runtime.run(made, run_id="r1")
        await runtime.cancel("r1")
        await runtime.retry("r1")
        await runtime.resume("r1", output=1)
    first, second = recorded.spans("s waits")
    assert first.end_time == recorded.one("run f").end_time
    assert second.start_time == recorded.one("run f, retry").start_time
    assert links_of(first) == links_of(second)


async def test_spans_of_a_node_are_below_its_attempt_in_a_thread_too():
    recorded = Recorded()

    @node("sync")
    def sync(ctx: Any) -> None:
        with recorded.tracer.start_as_current_span("query"):
            pass

    await recorded.runtime(sync).run(flow("id: f\nnodes: [{id: a, uses: sync}]"), run_id="r3")
    [query], [attempt] = recorded.spans("query"), recorded.spans("a")
    assert query.parent is not None
    assert query.parent.span_id == context_of(attempt).span_id


async def test_a_run_does_not_join_the_trace_of_whoever_starts_it():
    recorded = Recorded()
    made = flow("id: f\nnodes: [{id: a, uses: noop}]")
    with recorded.tracer.start_as_current_span("request"):
        await recorded.runtime().run(made, run_id="r4")
    [attempt] = recorded.spans("a")
    assert context_of(attempt).trace_id == TraceIds.of("r4").trace_id


async def test_a_timeout_and_an_interruption_are_told_apart():
    began = asyncio.Event()

    @node("slow")
    async def slow(ctx: Any) -> None:
        began.set()
        await asyncio.Event().wait()

    recorded = Recorded()
    late = flow("id: f\nnodes: [{id: a, uses: slow, config: {timeout: 1}}]")
    assert (await recorded.runtime(slow).run(late)).status == "failed"
    [timed_out] = recorded.spans()
    assert attribute(timed_out, "outcome") == "timed_out"
    assert timed_out.status.status_code is StatusCode.ERROR

    recorded, began = Recorded(), asyncio.Event()
    runtime = recorded.runtime(slow)
    running = asyncio.create_task(runtime.run(flow("id: f\nnodes: [{id: a, uses: slow}]"), run_id="r5"))
    await began.wait()
    await runtime.cancel("r5")
    await running
    [interrupted] = recorded.spans()
    assert attribute(interrupted, "outcome") == "interrupted"
    assert interrupted.status.status_code is StatusCode.UNSET


async def test_no_secret_gets_into_a_span(monkeypatch):
    monkeypatch.setenv("WORD", "quite-a-secret-word")

    @node("leak")
    async def leak(ctx: Any, params: Any) -> None:
        raise ValueError(f"bad word: {params['word']}")

    made = flow("id: f\nnodes: [{id: a, uses: leak, params: {word: \"${{ secret('WORD') }}\"}}]")
    recorded = Recorded()
    await recorded.runtime(leak).run(made)
    [span] = recorded.spans()
    assert span.status.description == "bad word: ***"
    assert recorded.one("run f").status.description == "bad word: ***"
    for told in (span, recorded.one("run f")):
        assert "quite-a-secret-word" not in told.to_json()
    assert list(span.events) == []


async def test_without_an_sdk_nothing_is_recorded_and_nothing_breaks():
    assert not trace.get_current_span().is_recording()
    made = flow("id: f\nnodes: [{id: a, uses: noop}]")
    assert (await FlowRuntime(middleware=[NodeTracing()]).run(made)).status == "completed"


@pytest.mark.parametrize(
    ("run_id", "parent"),
    [("r", None), ("r:s", "r"), ("r:s::2", "r"), ("r:s::g2.3", "r"), ("r:s::2:t#4[1]", "r:s::2")],
)
async def test_the_parent_of_a_sub_run_is_told_from_its_name(run_id, parent):
    assert parent_run_id(run_id) == parent
