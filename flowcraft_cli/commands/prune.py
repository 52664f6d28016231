"""`flowcraft prune`: forget old runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from flowcraft_cli.options import DryRun, Json, duration_s, option, source_of
from flowcraft_cli.shared_options import PLACE, takes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from flowcraft_cli.selection import Selection
    from flowcraft_engine.settings import Settings
    from flowcraft_engine.stores.coordination_store import CoordinationStore, RunSummary

_MOST_LINES = 50
#: So many runs are forgotten at a time: one after the other, each would cost its own round trips.
_AT_ONCE = 100


@takes(PLACE)
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
    json: Json = False,
) -> int:
    """Forget runs that have ended, each with its sub-runs, history and logs. --dry-run shows which.

    Runs that have not ended are never touched. The space is used again by later runs.
    """
    from flowcraft_cli.execution import run_async
    from flowcraft_cli.mode_options import settings_of_runs
    from flowcraft_cli.output import emit, emit_json, tell
    from flowcraft_cli.selection import Selection, read_statuses

    statuses = read_statuses(status, source_of(context, "status"))
    selection = Selection(statuses, blueprint, older_s=duration_s(context, "older_than"))
    found = run_async(_prune(settings_of_runs(context), selection, dry_run=dry_run))
    if json:
        emit_json({"schema": 1, "dry_run": dry_run, "runs": [_document(run) for run in found]})
        return 0
    shown = found[:_MOST_LINES]
    width = max((len(run.run_id) for run in shown), default=0)
    for run in shown:
        emit(_line(run, width))
    if len(found) > _MOST_LINES:
        emit(f"… and {len(found) - _MOST_LINES} more")
    runs = f"{len(found)} run{'' if len(found) == 1 else 's'}"
    tell(f"{runs} would be forgotten" if dry_run else f"{runs} forgotten")
    return 0


async def _prune(settings: Settings, selection: Selection, *, dry_run: bool) -> list[RunSummary]:
    from flowcraft_cli.output import passing
    from flowcraft_cli.run_place import open_place
    from flowcraft_cli.selection import select

    async with open_place(settings) as place:
        if place is None:
            return []
        found = await select(place.store, selection)
        if dry_run:
            return found
        with passing() as show:
            return await _forget(place.store, found, show)


async def _forget(
    store: CoordinationStore, found: Sequence[RunSummary], show: Callable[[str], None]
) -> list[RunSummary]:
    import asyncio

    from flowcraft_engine.errors import ConflictError, NotFoundError

    async def retire(run: RunSummary) -> bool:
        try:
            await store.retire(run.run_id)
        except (ConflictError, NotFoundError):
            return False  # somebody has begun it again, or forgotten it, since it was listed
        return True

    pruned: list[RunSummary] = []
    for begin in range(0, len(found), _AT_ONCE):
        some = found[begin : begin + _AT_ONCE]
        forgotten = await asyncio.gather(*map(retire, some))
        pruned += [run for run, is_forgotten in zip(some, forgotten, strict=True) if is_forgotten]
        show(f"{len(pruned)} of {len(found)} runs forgotten")
    return pruned


def _document(run: RunSummary) -> dict[str, object]:
    from flowcraft_engine.history.run_result import iso_time

    return {
        "run_id": run.run_id,
        "blueprint_id": run.blueprint_id,
        "status": run.status,
        "finished_at": iso_time(run.finished_at),
    }


def _line(run: RunSummary, width: int) -> str:
    import time

    from flowcraft_cli.text import safe

    ended = time.strftime("%Y-%m-%d %H:%M", time.localtime(run.finished_at))
    return f"{run.run_id.ljust(width)}  {run.status.ljust(9)}  {ended}  {safe(run.blueprint_id)}"
