"""What a command does that changes a kept run and goes on with it: here, or by leaving it to the fleet."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowcraft_cli.ending import Ending
    from flowcraft_cli.kept_run import KeptRun
    from flowcraft_cli.manner import Manner
    from flowcraft_engine.execution.repair import Again
    from flowcraft_engine.runtime.flow_runtime import FlowRuntime


async def change_and_go_on(kept: KeptRun, change: Callable[[], Awaitable[None]], manner: Manner) -> Ending:
    """Make the `change`, then execute what the run has left to do; workers do that for a run in Redis."""
    from flowcraft_cli.handing_over import hand_over
    from flowcraft_cli.kept_run import go_on
    from flowcraft_cli.output import stdout_for_results_only

    if kept.place.fleet is not None:
        return await hand_over(kept, change, manner)

    async def begin(_: FlowRuntime) -> str:
        await change()
        return kept.run_id

    with stdout_for_results_only():
        return await go_on(kept, begin, manner)


def tell_again(steps: list[Again], manner: Manner) -> None:
    """Say what runs again."""
    from flowcraft_cli.again_text import again_lines
    from flowcraft_cli.output import tell

    for line in () if manner.quiet else again_lines(steps, would=False):
        tell(line)
