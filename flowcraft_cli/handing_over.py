"""What a command does that has changed a run which workers execute: it tells, or it follows."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from flowcraft_cli.ending import Ending
from flowcraft_cli.ending_text import print_ending
from flowcraft_cli.output import emit_json, tell

if TYPE_CHECKING:
    from flowcraft_cli.kept_run import KeptRun
    from flowcraft_cli.manner import Manner


async def hand_over(kept: KeptRun, change: Callable[[], Awaitable[None]], manner: Manner) -> Ending:
    """Make the `change`; the run as it stands then, or, with `--timeout`, as it is after following it for so long."""
    if manner.timeout_s is not None:
        from flowcraft_cli.following import follow_kept

        return await follow_kept(kept, kept.top, manner, change)
    await change()
    return Ending(await kept.place.show(kept.top), where=kept.where, goes_on=True)


def print_handed_over(ending: Ending, manner: Manner) -> int:
    """As `print_ending`; 0 for a run that workers go on with, and nobody follows."""
    if not ending.goes_on or manner.timeout_s is not None:
        return print_ending(ending, manner)
    if manner.json:
        emit_json(ending.result.to_json())
    elif not manner.quiet:
        tell(f"the run goes on; follow it with: flowcraft wait {ending.name}")
    return 0
