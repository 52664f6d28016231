"""`flowcraft retry`: try again what went wrong, in one run or in many."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from flowcraft_cli.manner import Manner
from flowcraft_cli.options import DryRun, OptionalRunArgument, duration_s, manner_of, option, source_of
from flowcraft_cli.shared_options import GOING_ON, takes

if TYPE_CHECKING:
    from flowcraft_cli.ending import Ending
    from flowcraft_cli.kept_run import KeptRun
    from flowcraft_cli.selection import Selection

_REPAIRABLE = ("failed", "cancelled")


@takes(GOING_ON)
def retry_command(
    context: typer.Context,
    run: OptionalRunArgument = None,
    status: Annotated[
        list[str] | None,
        option("--status", metavar="STATUS", help="All runs in this status: failed, cancelled; repeatable."),
    ] = None,
    blueprint: Annotated[
        str | None, option("--blueprint", metavar="ID", help="Only runs of this blueprint.")
    ] = None,
    since: Annotated[
        str | None,
        option("--since", metavar="DURATION", help="Only runs that began within this time: 1h, 2d."),
    ] = None,
    dry_run: DryRun = False,
) -> int:
    """Try again what failed, was poisoned or was cancelled in a run, and what follows from it.

    Results of nodes that completed are kept, and so are idempotency keys; sub-runs and items are repaired inside.
    The command goes on with the run and ends like `flowcraft run`; in Redis workers do, and it ends at once,
    unless --timeout says how long it shall follow. Without RUN, --status and the other filters choose runs, one
    after the other; it ends with the highest of their codes.
    """
    from flowcraft_cli.execution import run_async
    from flowcraft_engine.errors import UsageError

    manner = manner_of(context)
    chosen = status or blueprint is not None or since is not None
    if (run is None) == (not chosen):
        raise UsageError("name one RUN, or choose runs with --status, --blueprint, --since")
    if run is not None:
        return run_async(_one(context, run, manner, dry_run=dry_run))
    from flowcraft_cli.selection import Selection, read_statuses

    statuses = read_statuses(status, source_of(context, "status"), _REPAIRABLE)
    selection = Selection(statuses, blueprint, duration_s(context, "since"))
    return run_async(_many(context, selection, manner, dry_run=dry_run))


async def _one(context: typer.Context, run: str, manner: Manner, *, dry_run: bool) -> int:
    from flowcraft_cli.handing_over import print_handed_over
    from flowcraft_cli.kept_run import kept_run
    from flowcraft_cli.output import emit_json

    async with kept_run(context, run) as kept:
        if dry_run:
            document = await _preview(kept, manner)
            if manner.json:
                emit_json({"schema": 1, "dry_run": True, "runs": [document]})
            return 0
        ending = await _retry(kept, manner)
    return print_handed_over(ending, manner)


async def _many(context: typer.Context, selection: Selection, manner: Manner, *, dry_run: bool) -> int:
    from flowcraft_cli.kept_run import run_in
    from flowcraft_cli.mode_options import settings_of_runs
    from flowcraft_cli.output import emit_json, tell
    from flowcraft_cli.run_place import open_place
    from flowcraft_cli.selection import select

    documents: list[Any] = []
    codes: list[int] = []
    async with open_place(settings_of_runs(context)) as place:
        chosen = await select(place.store, selection) if place is not None else []
        for summary in reversed(chosen):
            assert place is not None
            kept = await run_in(place, summary.run_id)
            code, document, is_interrupted = await _next(kept, manner, dry_run=dry_run)
            codes.append(code)
            documents.append(document)
            if is_interrupted:
                break
    if manner.json:
        emit_json({"schema": 1, "dry_run": dry_run, "runs": documents})
    elif not documents:
        tell("nothing to do: no runs are meant by this")
    return max(codes, default=0)


async def _next(kept: KeptRun, manner: Manner, *, dry_run: bool) -> tuple[int, Any, bool]:
    """One of many runs: its exit code, its document, and whether a signal ended it."""
    from flowcraft_cli.handing_over import print_handed_over
    from flowcraft_cli.output import tell
    from flowcraft_engine.errors import ConflictError

    try:
        if dry_run:
            return 0, await _preview(kept, manner), False
        ending = await _retry(kept, manner)
    except ConflictError as error:  # somebody else was faster; the others are still to be done
        tell(f"{kept.run_id}: {error.message}")
        failure = {"code": error.code, "message": error.message}
        return error.exit_code, {"run_id": kept.run_id, "error": failure}, False
    if not manner.json:
        code = print_handed_over(ending, manner)
    else:
        code = 0 if ending.goes_on and manner.timeout_s is None else ending.exit_code
    return code, ending.result.to_json(), ending.signal is not None


async def _preview(kept: KeptRun, manner: Manner) -> dict[str, Any]:
    from flowcraft_cli.again_text import again_lines
    from flowcraft_cli.output import emit
    from flowcraft_engine.execution.repair import preview_retry

    steps = await preview_retry(kept.store, kept.run_id)
    for line in () if manner.json else again_lines(steps, would=True):
        emit(line)
    return {"run_id": kept.run_id, "again": [step.to_json() for step in steps]}


async def _retry(kept: KeptRun, manner: Manner) -> Ending:
    from flowcraft_cli.changing import change_and_go_on, tell_again
    from flowcraft_engine.execution.repair import retry

    async def change() -> None:
        fleet, run_id = kept.place.fleet, kept.run_id
        steps = await (retry(kept.store, run_id) if fleet is None else fleet.retry(run_id))
        tell_again(steps, manner)

    return await change_and_go_on(kept, change, manner)
