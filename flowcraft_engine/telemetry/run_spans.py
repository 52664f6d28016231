"""The spans of a run that has ended: the run itself, and what it waited for. Folded from its history.

Their ids are made from the id of the run, so that attempts, which other processes told of long before, are below them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import field
from typing import Any, Final

from flowcraft_engine.frozen import frozen
from flowcraft_engine.kernel import event as ev
from flowcraft_engine.kernel.event import Event
from flowcraft_engine.telemetry.trace_ids import TraceIds, parent_run_id

#: Waits of a run that are told; the first ones. A batch of sleeps is no news.
_MOST_WAITS: Final = 1_000
#: What an instance waits for outside of its run: an answer, a timer, a sub-run.
_TOLD_WAITS: Final = frozenset({"answer", "timer", "run"})
_ENDS: Final = frozenset(
    {ev.NODE_COMPLETED, ev.NODE_FAILED, ev.NODE_CANCELLED, ev.NODE_RETRYING, ev.NODE_WAITING}
)


@frozen
class PastSpan:
    """A span with everything that is said of it. Times are in microseconds since the epoch."""

    name: str
    ids: TraceIds
    parent: TraceIds | None
    began_at: int
    ended_at: int
    attributes: dict[str, str | int]
    #: What it has to do with other spans: their ids, and in which way.
    links: list[tuple[TraceIds, str]] = field(default_factory=list)
    error: str | None = None


def spans_of(run_id: str, events: Sequence[Event]) -> list[PastSpan]:
    """What is new since the generation before: the run (or its new generation), its waits, and what followed them."""
    begins = [place for place, it in enumerate(events) if it.type == ev.GENERATION_BEGAN]
    first = begins[-1] if begins else 0
    root = TraceIds.of(run_id)
    run = _run_span(run_id, events, first, len(begins) + 1)
    return [run, *_waits(run_id, root, events, first)]


def _run_span(run_id: str, events: Sequence[Event], first: int, generation: int) -> PastSpan:
    began, ended, data = events[first], events[-1], events[0].data
    attributes: dict[str, str | int] = {
        "flowcraft.run_id": run_id,
        "flowcraft.blueprint.id": data["blueprint_id"],
        "flowcraft.run.status": ended.data["status"],
    }
    if data["version"] is not None:
        attributes["flowcraft.blueprint.version"] = data["version"]
    root, name = TraceIds.of(run_id), f"run {data['blueprint_id']}"
    above = parent_run_id(run_id)
    links = [] if above is None else [(TraceIds.of(above), "parent_run")]
    error = _error_of(events[first:]) if ended.data["status"] == "failed" else None
    if generation == 1:
        return PastSpan(name, root, None, began.at, ended.at, attributes, links, error)
    attributes |= {
        "flowcraft.run.generation": generation,
        "flowcraft.run.generation_kind": began.data["kind"],
    }
    ids = root.below(f"generation {generation}")
    return PastSpan(f"{name}, {began.data['kind']}", ids, root, began.at, ended.at, attributes, links, error)


def _error_of(events: Sequence[Event]) -> str:
    """The message of the first node that failed for good, or of the run."""
    errors = [it.data["error"] for it in events if it.type in (ev.NODE_FAILED, ev.RUN_FINISHED)]
    return next((str(it["message"]) for it in errors if it), "failed")


def _waits(run_id: str, root: TraceIds, events: Sequence[Event], first: int) -> Iterator[PastSpan]:
    """Each wait, and after it what went on; the second is linked to the first."""
    asked: dict[str, Event] = {}
    waiting: dict[str, tuple[int, Event]] = {}
    resumed: dict[str, tuple[TraceIds, Event]] = {}
    told = 0
    for place, event in enumerate(events):
        name = event.instance
        if event.type == ev.GENERATION_BEGAN:
            # What was under way ended with the generation before, and was told with it. Some wait again from now on.
            resumed.clear()
            waiting = {it: (place, asked[it]._replace(at=event.at)) for it in event.data["on"] if it in asked}
        if name in resumed and event.type in _ENDS:
            wait, since = resumed.pop(name)
            if place >= first:
                attributes: dict[str, str | int] = {
                    **_attributes(run_id, name),
                    "flowcraft.resumed_by": _rule(since),
                }
                links = [(wait, "wait")]
                ids = wait.below("resumed")
                yield PastSpan(f"{name} goes on", ids, root, since.at, event.at, attributes, links)
        if event.type == ev.NODE_WAITING and event.data["kind"] in _TOLD_WAITS:
            asked[name] = event
            waiting[name] = place, event
        elif name in waiting and event.type in (ev.NODE_RESUMED, ev.NODE_CANCELLED):
            begun, wait_event = waiting.pop(name)
            ids = root.below(f"wait {begun} {name}")
            if event.type == ev.NODE_RESUMED:
                resumed[name] = ids, event
            if place >= first and told < _MOST_WAITS:
                told += 1
                yield _wait_span(run_id, root, ids, wait_event, event)
    for name, (begun, wait_event) in waiting.items():  # the run was ended from outside
        if told < _MOST_WAITS:
            told += 1
            yield _wait_span(run_id, root, root.below(f"wait {begun} {name}"), wait_event, events[-1])


def _wait_span(run_id: str, root: TraceIds, ids: TraceIds, began: Event, ended: Event) -> PastSpan:
    kind, child = str(began.data["kind"]), began.data.get("child")
    attributes = {**_attributes(run_id, began.instance), "flowcraft.wait.kind": kind}
    links = [(TraceIds.of(str(child)), "child_run")] if child else []
    return PastSpan(f"{began.instance} waits", ids, root, began.at, ended.at, attributes, links)


def _attributes(run_id: str, instance: str) -> dict[str, str | int]:
    return {"flowcraft.run_id": run_id, "flowcraft.node.instance": instance}


def _rule(event: Event) -> str:
    reason: Any = event.reason
    return str(reason.get("rule")) if isinstance(reason, dict) else str(reason)
