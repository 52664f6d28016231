"""`flowcraft prune`: forget old runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from flowcraft_cli.options import (
    Backend,
    BrokerUrl,
    Debug,
    DryRun,
    Insecure,
    Json,
    Namespace,
    RedisUrl,
    State,
    duration_s,
    option,
    source_of,
)

if TYPE_CHECKING:
    from flowcraft_cli.selection import Selection
    from flowcraft_engine.settings import Settings
    from flowcraft_engine.stores.coordination_store import RunSummary

_MOST_LINES = 50


def prune_command(
    context: typer.Context,
    older_than: Annotated[
        str,
        typer.Option(
            "--older-than",
            metavar="DURATION",
            help="Runs that ended longer ago than this: 12h, 30d; 0s means all.",
            envvar="FLOWCRAFT_OLDER_THAN",
            show_default=False,
        ),
    ],
    status: Annotated[
        list[str] | None,
        option(
            "--status",
            metavar="STATUS",
            help="Only runs in this status: completed, failed, cancelled; repeatable.",
        ),
    ] = None,
    blueprint: Annotated[
        str | None, option("--blueprint", metavar="ID", help="Only runs of this blueprint.")
    ] = None,
    dry_run: DryRun = False,
    state: State = None,
    backend: Backend = None,
    redis_url: RedisUrl = None,
    broker_url: BrokerUrl = None,
    namespace: Namespace = None,
    insecure: Insecure = False,
    json: Json = False,
    debug: Debug = False,
) -> int:
    """Forget runs that have ended, each with its sub-runs, history and logs. --dry-run shows which.

    Runs that have not ended are never touched. The space is used again by later runs.
    """
    from flowcraft_cli.execution import run_async
    from flowcraft_cli.options import settings_of
    from flowcraft_cli.output import emit, emit_json, tell
    from flowcraft_cli.selection import Selection, read_statuses

    statuses = read_statuses(status, source_of(context, "status"))
    selection = Selection(statuses, blueprint, older_s=duration_s(context, "older_than"))
    found = run_async(_prune(settings_of(context), selection, dry_run=dry_run))
    if json:
        emit_json({"schema": 1, "dry_run": dry_run, "runs": [_document(run) for run in found]})
        return 0
    for run in found[:_MOST_LINES]:
        emit(_line(run))
    if len(found) > _MOST_LINES:
        emit(f"… and {len(found) - _MOST_LINES} more")
    runs = f"{len(found)} run{'' if len(found) == 1 else 's'}"
    tell(f"{runs} would be forgotten" if dry_run else f"{runs} forgotten")
    return 0


async def _prune(settings: Settings, selection: Selection, *, dry_run: bool) -> list[RunSummary]:
    from flowcraft_cli.run_place import open_place
    from flowcraft_cli.selection import select
    from flowcraft_engine.errors import ConflictError, NotFoundError

    pruned: list[RunSummary] = []
    async with open_place(settings) as place:
        if place is None:
            return []
        for run in await select(place.store, selection):
            try:
                if not dry_run:
                    await place.store.retire(run.run_id)
                pruned.append(run)
            except (ConflictError, NotFoundError):
                continue  # somebody has begun it again, or forgotten it, since it was listed
    return pruned


def _document(run: RunSummary) -> dict[str, object]:
    from flowcraft_engine.history.run_result import iso_time

    return {
        "run_id": run.run_id,
        "blueprint_id": run.blueprint_id,
        "status": run.status,
        "finished_at": iso_time(run.finished_at),
    }


def _line(run: RunSummary) -> str:
    import time

    from flowcraft_cli.text import safe

    ended = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.finished_at))
    return f"{run.run_id}  {run.status.ljust(9)}  {ended}  {safe(run.blueprint_id)}"
