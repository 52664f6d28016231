"""`flowcraft events`: the history of a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from flowcraft_cli.options import Debug, Json, RunArgument, State, option

if TYPE_CHECKING:
    from flowcraft_engine.kernel.event import Event
    from flowcraft_engine.stores.coordination_store import CoordinationStore

#: How often the store is asked for news.
_POLL_S = 0.2


def events_command(
    context: typer.Context,
    run: RunArgument,
    follow: Annotated[
        bool, option("--follow", "-f", help="Go on until the run has ended, or nothing in it can move.")
    ] = False,
    state: State = None,
    json: Json = False,
    debug: Debug = False,
) -> int:
    """Print every change of a run, in order, each with its reason."""
    from flowcraft_cli.execution import run_async
    from flowcraft_cli.output import emit, emit_json

    def show(events: Sequence[Event]) -> None:
        for event in events if not json else ():
            emit(_line(event))

    run_id, events = run_async(_load(context, run, show, follow=follow))
    if json:
        emit_json({"schema": 1, "run_id": run_id, "events": [_document(i, e) for i, e in enumerate(events)]})
    return 0


async def _load(
    context: typer.Context, run: str, show: Callable[[Sequence[Event]], None], *, follow: bool
) -> tuple[str, list[Event]]:
    """All events, shown as they come."""
    import asyncio

    from flowcraft_cli.kept_run import kept_run

    async with kept_run(context, run) as kept:
        store, run_id = kept.store, kept.run_id
        events = await store.events(run_id)
        show(events)
        while follow and await _goes_on(store, run_id):
            await asyncio.sleep(_POLL_S)
            await store.refresh()
            news = await store.events(run_id, len(events))
            show(news)
            events += news
        return run_id, events


async def _goes_on(store: CoordinationStore, run_id: str) -> bool:
    """False for a run that has ended, waits for somebody, or that nobody executes."""
    from flowcraft_engine.execution.standing import is_quiet, status_of

    return not await is_quiet(store, run_id) and await status_of(store, run_id) != "interrupted"


def _document(number: int, event: Event) -> dict[str, Any]:
    from flowcraft_engine.history.run_result import iso_time
    from flowcraft_engine.kernel.event import MICROSECONDS

    return {
        "number": number,
        "type": event.type,
        "at": iso_time(event.at / MICROSECONDS),
        "instance": event.instance or None,
        "reason": _reason_of(event),
        "data": event.data,
    }


def _line(event: Event) -> str:
    """`12:00:01.250 node_ready audit (rule all, taken pay)`."""
    import time

    from flowcraft_cli.text import clip, safe
    from flowcraft_engine.kernel.event import MICROSECONDS

    seconds, rest = divmod(event.at, MICROSECONDS)
    at = time.strftime("%H:%M:%S", time.localtime(seconds)) + f".{rest // 1000:03d}"
    parts = [at, event.type, safe(event.instance)]
    reason = _reason_of(event)
    if reason is not None:
        words = ", ".join(f"{key} {_value(value)}" for key, value in reason.items())
        parts.append(f"({clip(safe(words), 200)})")
    return " ".join(part for part in parts if part)


def _value(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)


def _reason_of(event: Event) -> dict[str, Any] | None:
    """The reason in its one published form: an object with the `rule`."""
    return {"rule": event.reason} if isinstance(event.reason, str) else event.reason
