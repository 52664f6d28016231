"""`flowcraft record`: a run as a test case."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flowcraft_cli.options import RunArgument, option
from flowcraft_cli.shared_options import PLACE, takes

if TYPE_CHECKING:
    from flowcraft_engine.testing.case_making import MadeCase


@takes(PLACE)
def record_command(
    context: typer.Context,
    run: RunArgument,
    out: Annotated[
        str | None, option("--out", "-o", metavar="FILE", help="Write the case to a file; default: stdout.")
    ] = None,
    force: Annotated[bool, option("--force", help="Replace a file that is there.")] = False,
) -> int:
    """Record a run as a test case: its inputs, what its nodes gave, its path and its outputs.

    The case is plain YAML with all values in it: look at it before you share it. It is played once to see that
    it comes to the same. `flowcraft test` plays it again whenever the blueprint has changed.
    """
    from flowcraft_cli.execution import run_async
    from flowcraft_cli.output import emit, tell
    from flowcraft_cli.text import safe
    from flowcraft_engine.errors import UsageError
    from flowcraft_engine.testing.case_file import case_text

    if out is not None:
        from flowcraft_cli.options import source_of
        from flowcraft_cli.run_reports import checked_file

        if checked_file(out, source_of(context, "out")).exists() and not force:
            raise UsageError(f"there is a file {out!r} already", hint="--force replaces it")
    made = run_async(_make(context, run, Path(out).parent if out is not None else Path()))
    text = case_text(made.case)
    if out is None:
        emit(text.rstrip("\n"))
    else:
        from flowcraft_cli.run_reports import write_report

        write_report(Path(out), text)
        tell(f"wrote {out}")
    for doubt in made.doubts:
        tell(f"warning: played again it comes to something else: {safe(doubt)}")
    return 0


async def _make(context: typer.Context, run: str, folder: Path) -> MadeCase:
    import time

    from flowcraft_cli.kept_run import kept_run
    from flowcraft_engine.reports.dossier import read_dossier
    from flowcraft_engine.testing.case_making import make_case

    async with kept_run(context, run, only_looks=True) as kept:
        dossier = await read_dossier(kept.store, kept.run_id, time.time())
        return await make_case(kept.store, dossier, folder)
