"""`flowcraft list`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from flowcraft_cli.options import Json, option
from flowcraft_cli.shared_options import PLACE, takes

if TYPE_CHECKING:
    from flowcraft_engine.settings import Settings
    from flowcraft_engine.stores.coordination_store import RunQuery, RunSummary

_MOST = 100_000
_UNENDED = ("running", "waiting", "paused", "interrupted", "blocked")
_STATUSES = (*_UNENDED, "completed", "failed", "cancelled")


@takes(PLACE)
def list_command(
    context: typer.Context,
    status: Annotated[
        str | None,
        option("--status", metavar="STATUS", help="Only runs in this status: " + ", ".join(_STATUSES) + "."),
    ] = None,
    blueprint: Annotated[
        str | None, option("--blueprint", metavar="ID", help="Only runs of this blueprint.")
    ] = None,
    since: Annotated[
        str | None,
        option("--since", metavar="TIME", help="Only runs begun since: 30m, 2h, 7d, or 2026-01-31[T12:00]."),
    ] = None,
    limit: Annotated[str, option("--limit", metavar="N", help="At most this many runs (default 20).")] = "20",
    json: Json = False,
) -> int:
    """List runs, the newest first. Sub-runs are shown by `flowcraft show`."""
    from flowcraft_cli.execution import run_async
    from flowcraft_cli.mode_options import settings_of_runs
    from flowcraft_cli.output import emit, emit_json, tell
    from flowcraft_cli.run_table import run_table
    from flowcraft_cli.screen import width_of_screen
    from flowcraft_engine.assembly.backend import settings_of_dev
    from flowcraft_engine.stores.coordination_store import RunQuery

    query = RunQuery(
        _checked_limit(context, limit), _checked_status(context, status), blueprint, _moment(context, since)
    )
    settings = settings_of_runs(context)
    found = run_async(_list(settings, query))
    if settings_of_dev(settings) is not None:
        tell("flowcraft dev runs here: flowcraft list --backend redis lists its runs")
    if json:
        emit_json({"schema": 1, "runs": [_document(run, shown) for run, shown in found]})
    elif found:
        emit("\n".join(run_table(found, width_of_screen())))
    elif status or blueprint or since:
        tell("no runs fit")
    else:
        tell("no runs yet: flowcraft run FILE begins one")
    return 0


def _checked_status(context: typer.Context, status: str | None) -> str | None:
    import difflib

    from flowcraft_cli.options import source_of
    from flowcraft_engine.errors import UsageError

    if status is not None and status not in _STATUSES:
        near = difflib.get_close_matches(status, _STATUSES, n=1)
        hint = f"did you mean {near[0]}?" if near else f"one of: {', '.join(_STATUSES)}"
        raise UsageError(f"{source_of(context, 'status')}: there is no status {status!r}", hint=hint)
    return status


def _checked_limit(context: typer.Context, limit: str) -> int:
    from flowcraft_cli.options import source_of
    from flowcraft_engine.errors import UsageError

    if not limit.isascii() or not limit.isdigit() or not 1 <= int(limit[:9]) <= _MOST:
        name = source_of(context, "limit")
        raise UsageError(f"{name} must be a whole number from 1 to {_MOST}, not {limit!r}")
    return int(limit[:9])


def _moment(context: typer.Context, since: str | None) -> float | None:
    """A duration before now, or a date and time, local if it names no zone. Raises `UsageError`."""
    if since is None:
        return None
    import time
    from datetime import datetime

    from flowcraft_cli.options import source_of
    from flowcraft_engine.errors import UsageError
    from flowcraft_engine.values import parse_duration

    try:
        if "-" in since:
            return datetime.fromisoformat(since).timestamp()
        return time.time() - parse_duration(since) / 1000
    except (ValueError, OverflowError, OSError) as error:
        hint = "write 30m, 2h, 7d, 2026-01-31 or 2026-01-31T12:00"
        raise UsageError(f"{source_of(context, 'since')}: {since!r} is no time", hint=hint) from error


async def _list(settings: Settings, query: RunQuery) -> list[tuple[RunSummary, str]]:
    """The runs and their derived status: those that have not ended may wait, or be interrupted or blocked."""
    from dataclasses import replace

    from flowcraft_cli.run_place import open_place, open_store

    wanted = query.status
    # The store knows what has ended; how the others stand is found out one by one.
    stored = replace(query, status="running", limit=_MOST) if wanted in _UNENDED else query
    async with open_store(settings) as store:
        runs = await store.find_runs(stored) if store is not None else []
    if all(run.status != "running" for run in runs):
        return [(run, run.status) for run in runs]
    found: list[tuple[RunSummary, str]] = []
    async with open_place(settings, only_looks=True) as place:
        if place is None:
            return []
        for run in runs:
            shown = await place.status(run.run_id) if run.status == "running" else run.status
            if wanted is None or shown == wanted:
                found.append((run, shown))
            if len(found) == query.limit:
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
