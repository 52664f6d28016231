"""`flowcraft events`: the history of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from flowcraft_cli.options import Json, RunArgument, Timeout, duration_s, option
from flowcraft_cli.shared_options import PLACE, takes

_LOOK_S = 1.0

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flowcraft_engine.kernel.event import Event


@takes(PLACE)
def events_command(
    context: typer.Context,
    run: RunArgument,
    follow: Annotated[
        bool, option("--follow", "-f", help="Go on printing what happens, until the run has ended.")
    ] = False,
    timeout: Timeout = None,
    json: Json = False,
) -> int:
    """Print every change of a run, in order, each with its reason.

    With --follow also what comes; exit code 6 if --timeout passes before the run has ended.
    """
    from flowcraft_cli.ending import TIMED_OUT
    from flowcraft_cli.execution import run_async
    from flowcraft_cli.mode_options import refuse_without
    from flowcraft_cli.output import emit, emit_json

    refuse_without(context, "timeout", "follow")
    events: list[Event] = []
    show = events.extend if json else lambda new: emit("\n".join(map(_line, new)))
    timeout_s = duration_s(context, "timeout")
    run_id, has_ended = run_async(_read(context, run, show, follow=follow, timeout_s=timeout_s))
    if json:
        emit_json({"schema": 1, "run_id": run_id, "events": [_document(i, e) for i, e in enumerate(events)]})
    return TIMED_OUT if follow and not has_ended else 0


async def _read(
    context: typer.Context,
    run: str,
    show: Callable[[Sequence[Event]], None],
    *,
    follow: bool,
    timeout_s: float | None,
) -> tuple[str, bool]:
    """The id of the run, and whether it has ended."""
    import asyncio

    from flowcraft_cli.kept_run import kept_run
    from flowcraft_engine.kernel.event import GENERATION_BEGAN, RUN_FINISHED

    loop = asyncio.get_running_loop()
    deadline = None if timeout_s is None else loop.time() + timeout_s
    seen, has_ended = 0, False
    async with kept_run(context, run, only_looks=not follow) as kept:
        while True:
            await kept.store.refresh()
            events = await kept.store.events(kept.run_id, seen)
            seen += len(events)
            if events:
                show(events)
            for event in events:
                has_ended = event.type == RUN_FINISHED or (has_ended and event.type != GENERATION_BEGAN)
            left = _LOOK_S if deadline is None else min(_LOOK_S, deadline - loop.time())
            if has_ended or not follow or left <= 0:
                return kept.run_id, has_ended
            await kept.store.glance(kept.run_id)  # news are what comes after this
            await kept.store.await_news([kept.run_id], left)


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
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value)) or "nothing"
    return str(value)


def _reason_of(event: Event) -> dict[str, Any] | None:
    """The reason in its one published form: an object with the `rule`."""
    return {"rule": event.reason} if isinstance(event.reason, str) else event.reason
