"""What is said about one change of a node, in a few words."""

from __future__ import annotations

import time

from flowcraft_cli.looks import short_duration
from flowcraft_cli.text import clip, safe
from flowcraft_cli.watching.progress import ENDED, Line
from flowcraft_cli.watching.watcher import source_name
from flowcraft_engine.kernel import event as ev

#: Changes that are not told, line by line: what comes of them is.
SILENT = frozenset({ev.NODE_READY, ev.ITEMS_SCATTERED, ev.LOOP_CONTINUED})
_WAITS = {"answer": "for an answer", "timer": "until", "run": "for its sub-run", "items": "for its items"}


def clock_time(at: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(at))


def name_of(line: Line) -> str:
    """The instance, with the instances above it for one of a sub-run: `parent › child`."""
    return safe(source_name(line.run_id, line.instance))


def details_of(line: Line, now: float, width: int = 300) -> str:
    """Duration, attempts, progress and reasons, as far as they say something."""
    parts: list[str] = []
    duration = line.duration(now)
    is_under_way = line.state == "running" or (line.state == "waiting" and line.wait != "timer")
    if duration is not None and (line.state in ENDED or is_under_way):
        parts.append(short_duration(duration))
    if line.attempt > 1:
        parts.append(f"attempt {line.attempt}")
    if line.total:
        failed = f" ({line.bad_items} failed)" if line.bad_items else ""
        parts.append(f"{line.done:g}/{line.total:g}{failed}")
    if line.passes > 1 and line.state not in ENDED:
        parts.append(f"pass {line.passes}")
    if line.state == "completed" and line.action:
        parts.append(f"→ {safe(line.action)}")
    if line.state == "retrying" and line.due is not None:
        parts.append(f"again in {short_duration(max(0.0, line.due - now))}")
    if line.state == "waiting" and line.wait:
        parts.append(_wait_words(line, now))
    if line.missing:
        parts.append(f"blocked: {safe(line.missing)}")
    if line.error and line.state in ("failed", "retrying", "waiting"):
        parts.append(safe(line.error.strip().splitlines()[0]) if line.error.strip() else "")
    return clip(" · ".join(part for part in parts if part), width)


def _wait_words(line: Line, now: float) -> str:
    if line.wait == "timer" and line.due is not None:
        return f"{short_duration(max(0.0, line.due - now))} left"
    words = _WAITS.get(line.wait or "", "")
    if line.wait == "answer" and line.due is not None:
        words += f", at most {short_duration(max(0.0, line.due - now))}"
    return words


def explained(line: Line) -> str | None:
    """Why the instance is in its state, as a sentence."""
    from flowcraft_engine.history.explain import explain
    from flowcraft_engine.kernel.state import Instance

    instance = Instance(line.instance, line.node_id, ())
    instance.state, instance.reason = line.state, line.reason
    return explain(instance)
