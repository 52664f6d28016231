"""A span for each attempt, in one trace for each run, whichever process executes it. Needs `opentelemetry-api`.

What is recorded is up to the application: without a tracer provider of its own, spans are made and thrown away.
"""

from __future__ import annotations

from typing import Any

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    Span,
    SpanContext,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
)

from flowcraft_engine.execution.failure import failure_of
from flowcraft_engine.nodes.handler import CallNext
from flowcraft_engine.nodes.node_context import NodeContext
from flowcraft_engine.telemetry.outcome import (
    FAILED,
    TIMED_OUT,
    outcome_of_error,
    outcome_of_value,
)
from flowcraft_engine.telemetry.trace_ids import TraceIds, parent_run_id

_BAD = frozenset({FAILED, TIMED_OUT})
_LONGEST_MESSAGE = 1000


class NodeTracing:
    """A middleware. The span is current while the node is called, so that spans of its own are below it.

    An error is told by its type and its message, with secrets masked; tracebacks may hold values, and stay here.
    """

    def __init__(self, tracer: Tracer | None = None) -> None:
        self._tracer = tracer or trace.get_tracer("flowcraft")

    async def __call__(self, ctx: NodeContext, call_next: CallNext) -> Any:
        with self._tracer.start_as_current_span(
            ctx.instance,
            context=_below_run(ctx.run_id),
            attributes=_attributes(ctx),
            links=_links(ctx.run_id),
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            try:
                value = await call_next(ctx)
            except BaseException as error:  # told, and raised again
                _tell_error(span, error, ctx)
                raise
            span.set_attribute("flowcraft.outcome", outcome_of_value(value))
            return value


def flush_spans(timeout_s: float = 5.0) -> None:
    """Send what the provider still keeps, before the process ends."""
    flush = getattr(trace.get_tracer_provider(), "force_flush", None)
    if flush is not None:
        flush(int(timeout_s * 1000))


def _span_context(run_id: str) -> SpanContext:
    ids = TraceIds.of(run_id)
    return SpanContext(ids.trace_id, ids.span_id, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))


def _below_run(run_id: str) -> Context:
    """An empty context but for the run: what happens to be current in a worker has nothing to do with it."""
    return trace.set_span_in_context(NonRecordingSpan(_span_context(run_id)), Context())


def _links(run_id: str) -> list[Link]:
    parent = parent_run_id(run_id)
    if parent is None:
        return []
    return [Link(_span_context(parent), {"flowcraft.link": "parent_run"})]


def _attributes(ctx: NodeContext) -> dict[str, str | int]:
    attributes: dict[str, str | int] = {
        "flowcraft.run_id": ctx.run_id,
        "flowcraft.blueprint.id": ctx.blueprint_id,
        "flowcraft.node.id": ctx.node_id,
        "flowcraft.node.type": ctx.node_type,
        "flowcraft.node.instance": ctx.instance,
        "flowcraft.attempt": ctx.attempt,
    }
    if ctx.blueprint_version is not None:
        attributes["flowcraft.blueprint.version"] = ctx.blueprint_version
    return attributes


def _tell_error(span: Span, error: BaseException, ctx: NodeContext) -> None:
    outcome = outcome_of_error(error, ctx)
    span.set_attribute("flowcraft.outcome", outcome)
    if outcome not in _BAD:
        return
    # Never raises, whatever the error's own text does.
    text = (
        "it took longer than its timeout" if outcome == TIMED_OUT else str(failure_of(error).error["message"])
    )
    if ctx.masker is not None:
        text = ctx.masker.text(text)  # before it is cut, which might hide a secret
    span.set_attribute("error.type", type(error).__name__ if outcome == FAILED else "timeout")
    span.set_status(Status(StatusCode.ERROR, text[:_LONGEST_MESSAGE]))
