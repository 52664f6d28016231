"""`flowcraft show`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from flowcraft_cli.options import Json, Reports, RunArgument, Verbose, option
from flowcraft_cli.shared_options import PLACE, takes

if TYPE_CHECKING:
    from flowcraft_cli.ending import Ending
    from flowcraft_cli.run_reports import Wanted
    from flowcraft_engine.reports.dossier import Dossier


@takes(PLACE)
def show_command(
    context: typer.Context,
    run: RunArgument,
    node: Annotated[
        str | None, typer.Argument(metavar="NODE", help="Show one node in full.", show_default=False)
    ] = None,
    html: Annotated[
        str | None, option("--html", metavar="FILE", help="Write a page about the run that opens offline.")
    ] = None,
    report: Reports = None,
    json: Json = False,
    verbose: Verbose = False,
) -> int:
    """Show a run: its nodes with states, durations and outputs, its timeline, its errors, what it waits for.

    With NODE, that node in full: why it is in its state, its attempts, its input and its output. Ends with 0,
    whatever became of the run. With -v also why each node is in its state.
    """
    from flowcraft_cli.execution import run_async
    from flowcraft_cli.options import source_of
    from flowcraft_cli.output import emit
    from flowcraft_cli.run_reports import Wanted, asked_reports, checked_file
    from flowcraft_cli.run_text import run_text

    wanted = asked_reports(context)
    if html is not None:
        wanted.append(Wanted("html", checked_file(html, source_of(context, "html"))))
    printed = run_async(_show(context, run, node, wanted, json=json))
    if printed is not None:
        dossier, ending = printed
        emit(run_text(ending, dossier, verbose=verbose))
    return 0


async def _show(
    context: typer.Context, run: str, node: str | None, wanted: list[Wanted], *, json: bool
) -> tuple[Dossier, Ending] | None:
    """Do all that was asked for; the run, if it is still to be printed."""
    import time
    from dataclasses import replace

    from flowcraft_cli.ending import Ending
    from flowcraft_cli.kept_run import kept_run
    from flowcraft_cli.output import emit, emit_json, tell
    from flowcraft_cli.run_reports import reports_of, tells_logs, write_reports
    from flowcraft_engine.reports.dossier import read_dossier

    async with kept_run(context, run, only_looks=True) as kept:
        place = kept.place
        dossier = await read_dossier(
            kept.store, kept.run_id, time.time(), show=place.show, with_logs=tells_logs(wanted)
        )
        where = kept.where
        if node is not None:
            from flowcraft_cli.node_text import node_text
            from flowcraft_engine.reports.node_report import node_report

            report = await node_report(dossier, node)
            commands = [kept.as_typed(it) for it in report.why.next]
            report = replace(report, why=replace(report.why, next=commands))
            if json:
                emit_json(report.to_json())
            else:
                emit(node_text(dossier, report, where or ""))
        if wanted:
            write_reports(await reports_of(wanted, dossier, kept.settings))
            for one in wanted:
                tell(
                    f"wrote {one.file}"
                    if one.file is not None
                    else "GITHUB_STEP_SUMMARY is not set: no summary"
                )
        if json and node is None:
            emit_json(dossier.result.to_json())
        is_done = json or node is not None or bool(wanted)
        goes_on = place.fleet is not None
        ending = Ending(dossier.result, where=where, goes_on=goes_on, reference=kept.file)
        return None if is_done else (dossier, ending)
