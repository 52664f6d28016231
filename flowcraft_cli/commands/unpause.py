"""`flowcraft unpause`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from flowcraft_cli.manner import Manner
from flowcraft_cli.options import RunArgument, manner_of
from flowcraft_cli.shared_options import GOING_ON, takes

if TYPE_CHECKING:
    from flowcraft_cli.ending import Ending


@takes(GOING_ON)
def unpause_command(
    context: typer.Context,
    run: RunArgument,
) -> int:
    """Go on with a paused run, in this command; ends like `flowcraft run`.

    Timers that were due meanwhile fire at once; the run's own time limit stood still.
    """
    from flowcraft_cli.execution import run_async
    from flowcraft_cli.handing_over import print_handed_over

    manner = manner_of(context)
    return print_handed_over(run_async(_unpause(context, run, manner)), manner)


async def _unpause(context: typer.Context, run: str, manner: Manner) -> Ending:
    from flowcraft_cli.changing import change_and_go_on
    from flowcraft_cli.kept_run import kept_run
    from flowcraft_engine.errors import ConflictError
    from flowcraft_engine.execution.repair import unpause

    async with kept_run(context, run) as kept:

        async def change() -> None:
            fleet, run_id = kept.place.fleet, kept.run_id
            if not await (unpause(kept.store, run_id) if fleet is None else fleet.unpause(run_id)):
                raise ConflictError(f"run {run_id} is not paused, it is {await kept.place.status(run_id)}")

        return await change_and_go_on(kept, change, manner)
