"""`flowcraft export`: a run as a file."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from flowcraft_cli.options import Json, RunArgument, option
from flowcraft_cli.shared_options import PLACE, takes


@takes(PLACE)
def export_command(
    context: typer.Context,
    run: RunArgument,
    output: Annotated[
        str | None,
        option("--output", "-o", metavar="FILE", help="The file; default: RUN.fcrun in the current folder."),
    ] = None,
    without_logs: Annotated[
        bool, option("--without-logs", help="Leave out what nodes printed and logged.")
    ] = False,
    json: Json = False,
) -> int:
    """Write a run with its sub-runs, blueprints, history and logs to one file; an existing one is replaced.

    `show`, `logs`, `resume`, `retry` and the other commands work on the file, on any machine; `import` takes it
    into the store of runs. A run that is being executed is refused. Values of secrets are not in it.
    """
    from flowcraft_cli.execution import run_async
    from flowcraft_cli.output import emit_json, tell

    document = run_async(_export(context, run, output, logs=not without_logs))
    if json:
        emit_json(document)
    else:
        below = document["runs"] - 1
        inner = f" with {below} sub-run{'s' if below > 1 else ''}" if below else ""
        tell(f"run {document['run_id']}{inner} is in {document['file']}")
    return 0


async def _export(context: typer.Context, run: str, output: str | None, *, logs: bool) -> dict[str, Any]:
    from pathlib import Path

    from flowcraft_cli.kept_run import kept_run, run_file_of
    from flowcraft_engine.assembly.run_file import export_run
    from flowcraft_engine.errors import UsageError

    if output is not None and run_file_of(output)[0] != output:
        raise UsageError(f"-o {output!r}: the name of a run file ends with .fcrun")
    async with kept_run(context, run, only_looks=True) as kept:
        path = Path(output or f"{kept.run_id}.fcrun")
        runs = await export_run(kept.store, kept.run_id, path, logs=logs)
    return {"schema": 1, "run_id": kept.run_id, "file": str(path), "runs": runs}
