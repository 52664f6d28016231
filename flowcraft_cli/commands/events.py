"""`flowcraft events`: the history of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from flowcraft_cli.options import Debug, Json, RunArgument, State

if TYPE_CHECKING:
    from flowcraft_engine.kernel.event import Event


def events_command(
    context: typer.Context, run: RunArgument, state: State = None, json: Json = False, debug: Debug = False
) -> int:
    """Print every change of a run, in order, each with its reason."""
    from flowcraft_cli.execution import run_async
    from flowcraft_cli.output import emit, emit_json

    run_id, events = run_async(_load(context, run))
    if json:
        emit_json({"schema": 1, "run_id": run_id, "events": [_document(i, e) for i, e in enumerate(events)]})
        return 0
    for event in events:
        emit(_line(event))
    return 0


async def _load(context: typer.Context, run: str) -> tuple[str, list[Event]]:
    from flowcraft_cli.kept_run import kept_run

    async with kept_run(context, run) as kept:
        return kept.run_id, await kept.store.events(kept.run_id)


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
