"""The timeline of a run: when each instance ran, waited, and stood between two attempts. Folded from the events."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Literal

from flowcraft_engine.kernel import event as ev
from flowcraft_engine.kernel import state as st
from flowcraft_engine.kernel.event import MICROSECONDS, Event
from flowcraft_engine.values import JsonObject

Kind = Literal["running", "waiting", "retrying"]


@dataclass(slots=True)
class Span:
    """A stretch of time in one state; `ended` is None for one that goes on.

    `outcome` is how it ended (`completed failed waiting released died resumed cancelled poisoned`); `waits_for` is
    `answer timer run items body`, of a waiting one.
    """

    kind: Kind
    attempt: int
    began: float
    ended: float | None = None
    outcome: str | None = None
    error: JsonObject | None = None
    waits_for: str | None = None
    #: Attempts are counted anew in each generation of the run.
    generation: int = 1

    def seconds(self, now: float) -> float:
        return (now if self.ended is None else self.ended) - self.began


Timeline = dict[str, list[Span]]


def timeline_of(events: Iterable[Event]) -> Timeline:
    """The spans of each instance that has ever started, in the order of their starts.

    Events that this version does not know change nothing.
    """
    fold = _Fold()
    for event in events:
        step = _STEPS.get(event.type)
        if step is not None:
            step(fold, event)
    return fold.spans


class _Fold:
    def __init__(self) -> None:
        self.spans: Timeline = {}
        self._open: dict[str, Span] = {}
        self._attempts: dict[str, int] = {}
        self._generation = 1

    def started(self, event: Event) -> None:
        self._attempts[event.instance] = event.data[0]
        self._begin("running", event)

    def completed(self, event: Event) -> None:
        self._close(event, "completed")

    def failed(self, event: Event) -> None:
        self._close(event, "failed", event.data["error"])

    def retrying(self, event: Event) -> None:
        self._close(event, "failed", event.data["error"])
        self._begin("retrying", event)

    def ready(self, event: Event) -> None:
        self._close(event, "due")

    def waiting(self, event: Event) -> None:
        self._close(event, "waiting")
        self._begin("waiting", event, event.data["kind"])

    def resumed(self, event: Event) -> None:
        self._close(event, "resumed")

    def released(self, event: Event) -> None:
        self._close(event, "died" if event.data.get("crash") else "released")

    def continued(self, event: Event) -> None:
        self._close(event, "waiting")
        self._begin("waiting", event, st.BODY)

    def scattered(self, event: Event) -> None:
        self._close(event, "waiting")
        self._begin("waiting", event, st.ITEMS)

    def poisoned(self, event: Event) -> None:
        self._close(event, "poisoned")

    def cancelled(self, event: Event) -> None:
        self._close(event, "cancelled")

    def stopped(self, event: Event) -> None:
        for name in list(self._open):
            self._close(event._replace(instance=name), "cancelled")

    def begun_again(self, event: Event) -> None:
        self._generation = event.data["generation"]
        for name in event.data["on"]:
            waited_for = [span.waits_for for span in self.spans.get(name, ()) if span.kind == "waiting"]
            if waited_for:
                self._begin("waiting", event._replace(instance=name), waited_for[-1])

    def _begin(self, kind: Kind, event: Event, waits_for: str | None = None) -> None:
        attempt = self._attempts.get(event.instance, 1)
        span = Span(kind, attempt, event.at / MICROSECONDS, waits_for=waits_for, generation=self._generation)
        self._open[event.instance] = span
        self.spans.setdefault(event.instance, []).append(span)

    def _close(self, event: Event, outcome: str, error: Any = None) -> None:
        span = self._open.pop(event.instance, None)
        if span is not None:
            span.ended, span.outcome, span.error = event.at / MICROSECONDS, outcome, error


_STEPS: dict[str, Callable[[_Fold, Event], None]] = {
    ev.NODE_STARTED: _Fold.started,
    ev.NODE_COMPLETED: _Fold.completed,
    ev.NODE_FAILED: _Fold.failed,
    ev.NODE_RETRYING: _Fold.retrying,
    ev.NODE_READY: _Fold.ready,
    ev.NODE_WAITING: _Fold.waiting,
    ev.NODE_RESUMED: _Fold.resumed,
    ev.NODE_RELEASED: _Fold.released,
    ev.LOOP_CONTINUED: _Fold.continued,
    ev.ITEMS_SCATTERED: _Fold.scattered,
    ev.NODE_POISONED: _Fold.poisoned,
    ev.NODE_CANCELLED: _Fold.cancelled,
    ev.CANCEL_REQUESTED: _Fold.stopped,
    ev.RUN_FINISHED: _Fold.stopped,
    ev.GENERATION_BEGAN: _Fold.begun_again,
}
