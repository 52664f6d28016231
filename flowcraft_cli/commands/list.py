"""`flowcraft list`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from flowcraft_cli.options import (
    Backend,
    BrokerUrl,
    Debug,
    Insecure,
    Json,
    Namespace,
    RedisUrl,
    State,
    option,
)

if TYPE_CHECKING:
    from flowcraft_cli.colour import Palette
    from flowcraft_engine.settings import Settings
    from flowcraft_engine.stores.coordination_store import RunSummary

_MOST = 100_000
_DERIVED = ("waiting", "interrupted", "blocked")
_STATUSES = ("running", *_DERIVED, "completed", "failed", "cancelled")


def list_command(
    context: typer.Context,
    status: Annotated[
        str | None,
        option("--status", metavar="STATUS", help="Only runs in this status: " + ", ".join(_STATUSES) + "."),
    ] = None,
    limit: Annotated[str, option("--limit", metavar="N", help="At most this many runs (default 20).")] = "20",
    state: State = None,
    backend: Backend = None,
    redis_url: RedisUrl = None,
    broker_url: BrokerUrl = None,
    namespace: Namespace = None,
    insecure: Insecure = False,
    json: Json = False,
    debug: Debug = False,
) -> int:
    """List runs, the newest first. Sub-runs are shown by `flowcraft show`."""
    import difflib

    from flowcraft_cli.execution import run_async
    from flowcraft_cli.options import settings_of, source_of
    from flowcraft_cli.output import emit, emit_json, tell
    from flowcraft_engine.errors import UsageError

    if status is not None and status not in _STATUSES:
        near = difflib.get_close_matches(status, _STATUSES, n=1)
        hint = f"did you mean {near[0]}?" if near else f"one of: {', '.join(_STATUSES)}"
        raise UsageError(f"{source_of(context, 'status')}: there is no status {status!r}", hint=hint)
    if not limit.isascii() or not limit.isdigit() or not 1 <= int(limit[:9]) <= _MOST:
        name = source_of(context, "limit")
        raise UsageError(f"{name} must be a whole number from 1 to {_MOST}, not {limit!r}")
    settings = settings_of(context)
    found = run_async(_list(settings, status, int(limit[:9])))
    if json:
        emit_json({"schema": 1, "runs": [_document(run, shown) for run, shown in found]})
    elif found:
        for line in _table(found):
            emit(line)
    else:
        tell("no runs" + (f" are {status}" if status else " yet: flowcraft run FILE begins one"))
    return 0


async def _list(settings: Settings, status: str | None, limit: int) -> list[tuple[RunSummary, str]]:
    """The runs and their derived status: those that have not ended may wait, or be interrupted or blocked."""
    from flowcraft_cli.run_place import open_place

    stored = "running" if status in _DERIVED else status
    found: list[tuple[RunSummary, str]] = []
    async with open_place(settings) as place:
        for run in await place.store.list_runs(limit=_MOST, status=stored) if place is not None else ():
            if run.parent_run_id is not None:
                continue
            shown = run.status
            if shown == "running" and place is not None:
                shown = await place.status(run.run_id)
            if status is None or shown == status:
                found.append((run, shown))
            if len(found) == limit:
                break
    return found


def _document(run: RunSummary, status: str) -> dict[str, object]:
    from flowcraft_engine.history.run_result import iso_time

    return {
        "run_id": run.run_id,
        "blueprint_id": run.blueprint_id,
        "version": run.version,
        "status": status,
        "created_at": iso_time(run.created_at),
        "finished_at": iso_time(run.finished_at),
    }


def _table(found: list[tuple[RunSummary, str]]) -> list[str]:
    import time

    from flowcraft_cli.colour import palette_for
    from flowcraft_cli.looks import marked, short_duration
    from flowcraft_cli.text import clip, safe

    palette: Palette = palette_for("stdout")
    id_width = max(len(run.run_id) for run, _ in found)
    names = [safe(run.blueprint_id + (f" {run.version}" if run.version else "")) for run, _ in found]
    name_width = min(32, max(map(len, names)))
    lines = []
    for (run, status), name in zip(found, names, strict=True):
        began = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(run.created_at))
        took = short_duration(run.finished_at - run.created_at) if run.finished_at is not None else ""
        state = marked(status, status.ljust(11), palette, "stdout")
        label = clip(name, name_width).ljust(name_width)
        lines.append(f"{run.run_id.ljust(id_width)}  {state}  {label}  {began}  {took}".rstrip())
    return lines
