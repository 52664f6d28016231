"""What a command does that has changed a run which workers execute: it tells, or it follows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowcraft_cli.ending import Ending, print_ending
from flowcraft_cli.output import emit_json, tell

if TYPE_CHECKING:
    from flowcraft_cli.kept_run import KeptRun
    from flowcraft_cli.manner import Manner


async def hand_over(kept: KeptRun, manner: Manner) -> Ending:
    """The run as it stands, or, with `--timeout`, as it is after following it for so long."""
    fleet = kept.place.fleet
    assert fleet is not None
    if manner.timeout_s is None:
        return Ending(await fleet.show(kept.top), where=kept.where, goes_on=True)
    result = await fleet.proceed(kept.top, timeout_s=manner.timeout_s)
    timed_out = not result.is_final and result.status == "running"
    return Ending(result, timed_out=timed_out, where=kept.where, goes_on=True)


def print_handed_over(ending: Ending, manner: Manner) -> int:
    """As `print_ending`; 0 for a run that workers go on with, and nobody follows."""
    if not ending.goes_on or manner.timeout_s is not None:
        return print_ending(ending, manner)
    if manner.json:
        emit_json(ending.result.to_json())
    elif not manner.quiet:
        tell(f"the run goes on; follow it with: flowcraft wait {ending.name}")
    return 0
