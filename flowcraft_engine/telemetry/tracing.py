"""A span for each attempt and for each run, in one trace for each run, whichever process executes it.

Needs `opentelemetry-api`. The span of a run, and those of its waits, are told when it has ended, with ids that are made
from its own: the API cannot do that, so it takes the SDK, whose tracers ask an `id_generator`. Others tell of attempts.

What is recorded is up to the application: without a tracer provider of its own, spans are made and thrown away.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
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

from flowcraft_engine.execution.failure import message_of
from flowcraft_engine.kernel.event import Event
from flowcraft_engine.nodes.handler import CallNext
from flowcraft_engine.nodes.node_context import NodeContext
from flowcraft_engine.telemetry.outcome import (
    FAILED,
    TIMED_OUT,
    outcome_of_error,
    outcome_of_value,
)
from flowcraft_engine.telemetry.run_spans import PastSpan, spans_of
from flowcraft_engine.telemetry.trace_ids import TraceIds, parent_run_id

_BAD = frozenset({FAILED, TIMED_OUT})
_LONGEST_MESSAGE = 1000


class NodeTracing:
    """A middleware. The span is current while the node is called, so that spans of its own are below it.

    An error is told by its type and its message, with secrets masked; tracebacks may hold values, and stay here.
    """

    def __init__(self, tracer: Tracer | None = None) -> None:
        self._given = tracer
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

    def run_ended(self, run_id: str, events: Sequence[Event]) -> None:
        """Tell of a run that has ended."""
        # Not the tracer from the beginning: there was no provider yet, and it only stands for the one to come.
        tracer = self._given or trace.get_tracer_provider().get_tracer("flowcraft")
        if not hasattr(tracer, "id_generator"):
            return
        for past in spans_of(run_id, events):
            _tell_past(copy.copy(tracer), past)


class _Chosen:
    """An id generator of the SDK that gives the ids that were chosen."""

    def __init__(self, ids: TraceIds) -> None:
        self._ids = ids

    def generate_trace_id(self) -> int:
        return self._ids.trace_id

    def generate_span_id(self) -> int:
        return self._ids.span_id

    def is_trace_id_random(self) -> bool:
        return False


def _tell_past(tracer: Tracer, past: PastSpan) -> None:
    tracer.id_generator = _Chosen(past.ids)  # type: ignore[attr-defined]  # of the SDK's tracers, see above
    above = Context() if past.parent is None else _below(past.parent)
    span = tracer.start_span(
        past.name,
        context=above,
        attributes=past.attributes,
        links=[Link(_context_of(ids), {"flowcraft.link": how}) for ids, how in past.links],
        start_time=past.began_at * 1000,
    )
    if past.error is not None:
        span.set_status(Status(StatusCode.ERROR, past.error[:_LONGEST_MESSAGE]))
    span.end(past.ended_at * 1000)


def flush_spans(timeout_s: float = 5.0) -> None:
    """Send what the provider still keeps, before the process ends."""
    flush = getattr(trace.get_tracer_provider(), "force_flush", None)
    if flush is not None:
        flush(int(timeout_s * 1000))


def _context_of(ids: TraceIds) -> SpanContext:
    return SpanContext(ids.trace_id, ids.span_id, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))


def _below_run(run_id: str) -> Context:
    """An empty context but for the run: what happens to be current in a worker has nothing to do with it."""
    return _below(TraceIds.of(run_id))


def _below(ids: TraceIds) -> Context:
    return trace.set_span_in_context(NonRecordingSpan(_context_of(ids)), Context())


def _links(run_id: str) -> list[Link]:
    parent = parent_run_id(run_id)
    if parent is None:
        return []
    return [Link(_context_of(TraceIds.of(parent)), {"flowcraft.link": "parent_run"})]


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
    text = "it took longer than its timeout" if outcome == TIMED_OUT else message_of(error)
    if ctx.masker is not None:
        text = ctx.masker.text(text)  # before it is cut, which might hide a secret
    span.set_attribute("error.type", type(error).__name__ if outcome == FAILED else "timeout")
    span.set_status(Status(StatusCode.ERROR, text[:_LONGEST_MESSAGE]))
