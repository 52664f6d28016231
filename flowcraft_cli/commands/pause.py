"""`flowcraft pause`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from flowcraft_cli.options import Json, RunArgument
from flowcraft_cli.shared_options import PLACE, takes

if TYPE_CHECKING:
    from flowcraft_engine.history.run_result import RunResult


@takes(PLACE)
def pause_command(
    context: typer.Context,
    run: RunArgument,
    json: Json = False,
) -> int:
    """Pause a run: nothing more begins, sub-runs included. What runs may finish, timers wait.

    Answers and cancel work meanwhile; `flowcraft unpause` goes on. Ends with 0; with 7 if the run has ended.
    """
    from flowcraft_cli.colour import palette_for
    from flowcraft_cli.execution import run_async
    from flowcraft_cli.headline import headline
    from flowcraft_cli.output import emit_json, tell

    changed, result, reference = run_async(_pause(context, run))
    if json:
        emit_json(result.to_json())
        return 0
    tell(headline(result, palette_for("stderr")))
    running = [name for name, node in result.nodes.items() if node.state == "running"]
    if not changed:
        tell("it was paused already")
    elif running:
        tell(f"may finish: {', '.join(running[:12])}{' …' if len(running) > 12 else ''}")
    tell(f"go on with: flowcraft unpause {reference}")
    return 0


async def _pause(context: typer.Context, run: str) -> tuple[bool, RunResult, str]:
    from flowcraft_cli.kept_run import kept_run
    from flowcraft_engine.execution.repair import pause
    from flowcraft_engine.execution.standing import result_of

    async with kept_run(context, run) as kept:
        changed = await pause(kept.store, kept.run_id)
        return changed, await result_of(kept.store, kept.run_id), kept.file or kept.run_id
