"""`flowcraft wait`: follows a run that another process executes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import typer

from flowcraft_cli.manner import Manner
from flowcraft_cli.options import RunArgument, manner_of
from flowcraft_cli.shared_options import MANNER, PLACE, takes

if TYPE_CHECKING:
    from flowcraft_cli.ending import Ending


@takes(PLACE, MANNER)
def wait_command(
    context: typer.Context,
    run: RunArgument,
) -> int:
    """Follow a run that another process executes, and end with its exit code.

    5 when it waits for somebody, or when nobody executes it; 6 after --timeout.
    """
    from flowcraft_cli.ending_text import print_ending
    from flowcraft_cli.execution import run_async

    manner = manner_of(context)
    return print_ending(run_async(_wait(context, run, manner)), manner)


async def _wait(context: typer.Context, run: str, manner: Manner) -> Ending:
    from flowcraft_cli.following import follow_kept
    from flowcraft_cli.kept_run import kept_run

    async with kept_run(context, run) as kept:
        ending = await follow_kept(kept, kept.run_id, manner)
        return replace(ending, where=kept.where, reference=kept.file)
