"""`flowcraft rerun`: run a node again, and all that follows from it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from flowcraft_cli.manner import Manner
from flowcraft_cli.options import DryRun, RunArgument, manner_of
from flowcraft_cli.shared_options import GOING_ON, takes

if TYPE_CHECKING:
    from flowcraft_cli.ending import Ending
    from flowcraft_cli.kept_run import KeptRun


@takes(GOING_ON)
def rerun_command(
    context: typer.Context,
    run: RunArgument,
    start: Annotated[
        str,
        typer.Option(
            "--from",
            metavar="NODE",
            help="The node to begin with, or an instance of it: body#3, row[17].",
            envvar="FLOWCRAFT_FROM",
            show_default=False,
        ),
    ],
    dry_run: DryRun = False,
) -> int:
    """Run a node of a run that has ended again, and all that follows from it, with new idempotency keys.

    Other results are kept, and so are changes that nodes made to the context. The command goes on with the run
    and ends like `flowcraft run`; in Redis workers do, and it ends at once, unless --timeout says how long it
    shall follow. In a sub-run (RUN is parent:node) the runs above follow.
    """
    from flowcraft_cli.execution import run_async

    manner = manner_of(context)
    return run_async(_rerun(context, run, start, manner, dry_run=dry_run))


async def _rerun(context: typer.Context, run: str, start: str, manner: Manner, *, dry_run: bool) -> int:
    from flowcraft_cli.handing_over import print_handed_over
    from flowcraft_cli.kept_run import kept_run

    async with kept_run(context, run) as kept:
        if dry_run:
            await _preview(kept, start, manner)
            return 0
        ending = await _begin(kept, start, manner)
    return print_handed_over(ending, manner)


async def _preview(kept: KeptRun, start: str, manner: Manner) -> None:
    from flowcraft_cli.again_text import again_lines
    from flowcraft_cli.output import emit, emit_json
    from flowcraft_engine.execution.repair import preview_rerun

    steps = await preview_rerun(kept.store, kept.run_id, start)
    if manner.json:
        again = [step.to_json() for step in steps]
        emit_json({"schema": 1, "dry_run": True, "runs": [{"run_id": kept.run_id, "again": again}]})
        return
    for line in again_lines(steps, would=True):
        emit(line)


async def _begin(kept: KeptRun, start: str, manner: Manner) -> Ending:
    from flowcraft_cli.changing import change_and_go_on, tell_again
    from flowcraft_engine.execution.repair import rerun

    async def change() -> None:
        fleet, run_id = kept.place.fleet, kept.run_id
        steps = await (rerun(kept.store, run_id, start) if fleet is None else fleet.rerun(run_id, start))
        tell_again(steps, manner)

    return await change_and_go_on(kept, change, manner)
