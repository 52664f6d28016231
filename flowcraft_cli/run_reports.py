"""`--report KIND=FILE`: what was asked for, made of the run however it ended, and written."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from flowcraft_engine.errors import BackendError, UsageError
from flowcraft_engine.frozen import frozen

if TYPE_CHECKING:
    import typer

    from flowcraft_cli.ending import Ending
    from flowcraft_cli.manner import Manner
    from flowcraft_engine.blueprint.finding import Finding
    from flowcraft_engine.reports.dossier import Dossier
    from flowcraft_engine.settings import Settings
    from flowcraft_engine.stores.coordination_store import CoordinationStore

#: Kind → whether it needs a file.
KINDS: Final = {"junit": True, "html": True, "github": False}
_SUMMARY: Final = "GITHUB_STEP_SUMMARY"


@frozen
class Wanted:
    """One report that was asked for; `github` without a file writes to the summary of its step."""

    kind: str
    file: Path | None


@frozen
class Report:
    """A report that was made: the text for its file, and lines for the log of a CI system."""

    file: Path | None
    text: str
    lines: Sequence[str] = ()
    #: The summary of a step belongs to all of the step's commands.
    is_appended: bool = False


def asked_reports(context: typer.Context) -> list[Wanted]:
    """What the `--report` options of a command ask for. Raises `UsageError`."""
    from flowcraft_cli.options import source_of

    values = context.params.get("report")
    return wanted_reports(values, source_of(context, "report")) if values else []


def wanted_reports(values: Sequence[str], source: str) -> list[Wanted]:
    """What `--report` asks for, checked before anything runs. Raises `UsageError`."""
    return [_wanted(value, source) for value in values]


def _wanted(value: str, source: str) -> Wanted:
    kind, equals, name = value.partition("=")
    if kind not in KINDS:
        raise UsageError(
            f"{source}: there is no report {kind!r}",
            hint="junit=FILE, html=FILE, or github (also github=FILE)",
        )
    if (KINDS[kind] or equals) and not name:
        raise UsageError(f"{source}: {kind} needs a file", hint=f"write {kind}=FILE")
    if kind == "github" and not name:
        summary = os.environ.get(_SUMMARY)
        return Wanted(kind, Path(summary) if summary else None)
    return Wanted(kind, checked_file(name, source))


def checked_file(name: str, source: str) -> Path:
    """A file that can be written later, as far as one can tell now. Raises `UsageError`."""
    file = Path(name)
    if file.is_dir():
        raise UsageError(f"{source}: {name!r} is a folder")
    folder = next(parent for parent in file.absolute().parents if parent.exists())
    if not folder.is_dir() or not os.access(file if file.exists() else folder, os.W_OK):
        raise UsageError(f"{source}: {name!r} cannot be written there")
    return file


def tells_logs(wanted: Sequence[Wanted]) -> bool:
    """Whether one of these reports has what the nodes printed: it may be much to read."""
    return any(one.kind == "html" for one in wanted)


async def make_reports(
    wanted: Sequence[Wanted], store: CoordinationStore, ending: Ending, settings: Settings
) -> list[Report]:
    """The reports of a run as a command leaves it."""
    if not wanted:
        return []
    import time

    from flowcraft_engine.reports.dossier import read_dossier

    dossier = await read_dossier(store, ending.result.run_id, time.time(), with_logs=tells_logs(wanted))
    # Only the command knows that it was interrupted: its claims look alive for as long as it lives.
    dossier.result = ending.result
    return await reports_of(wanted, dossier, settings)


async def reports_of(wanted: Sequence[Wanted], dossier: Dossier, settings: Settings) -> list[Report]:
    """The reports of a run as it stands. `settings` know the project, where the code of its nodes is."""
    return [await _made(one, dossier, settings) for one in wanted]


async def _made(wanted: Wanted, dossier: Dossier, settings: Settings) -> Report:
    if wanted.kind == "junit":
        from flowcraft_engine.reports.junit import junit_report

        return Report(wanted.file, junit_report(dossier))
    if wanted.kind == "html":
        from flowcraft_engine.reports.html import html_report

        return Report(wanted.file, await html_report(dossier))
    from flowcraft_cli.findings import github_workspace
    from flowcraft_engine.reports.github import annotations_of, job_summary

    lines = annotations_of(dossier, github_workspace(), str(settings.code_root))
    return Report(wanted.file, job_summary(dossier), lines, is_appended=_is_of_step(wanted))


def reports_of_findings(wanted: Sequence[Wanted], file: str, findings: Sequence[Finding]) -> list[Report]:
    """The reports of a blueprint that is not valid: there is no run to draw, but lines to point at."""
    made = []
    for one in wanted:
        if one.kind == "junit":
            from flowcraft_engine.reports.junit import junit_of_findings

            made.append(Report(one.file, junit_of_findings(file, findings)))
        elif one.kind == "html":
            from flowcraft_engine.reports.html import html_of_findings

            made.append(Report(one.file, html_of_findings(file, findings)))
        else:
            from flowcraft_cli.findings import annotation
            from flowcraft_engine.reports.github import summary_of_findings

            told = [annotation(finding) for finding in findings]
            summary = summary_of_findings(file, findings)
            made.append(Report(one.file, summary, told, is_appended=_is_of_step(one)))
    return made


def _is_of_step(wanted: Wanted) -> bool:
    return wanted.file is not None and str(wanted.file) == os.environ.get(_SUMMARY)


def write_reports(reports: Sequence[Report]) -> None:
    """Write them all, even if one cannot be written. Raises `BackendError` for the first that could not.

    Lines go to stderr, where GitHub reads them, too: stdout has the results.
    """
    from flowcraft_cli.output import tell

    failure: BackendError | None = None
    for report in reports:
        for line in report.lines:
            tell(line)
        if report.file is None:
            continue
        try:
            write_report(report.file, report.text, is_appended=report.is_appended)
        except BackendError as error:
            failure = failure or error
    if failure is not None:
        raise failure


def print_with_reports(ending: Ending, manner: Manner, reports: Sequence[Report]) -> int:
    """The ending, then the reports: a report that cannot be written must not hide the results. The exit code."""
    from flowcraft_cli.ending_text import print_ending
    from flowcraft_cli.output import tell

    code = print_ending(ending, manner)
    try:
        write_reports(reports)
    except BackendError as error:
        tell(f"error: {error.message}")
        return code or error.exit_code
    return code


def write_report(file: Path, text: str, *, is_appended: bool = False) -> None:
    """Write a report; its folder is made. Raises `BackendError`."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a" if is_appended else "w", encoding="utf-8", errors="backslashreplace") as stream:
            stream.write(text)
    except OSError as error:
        raise BackendError(f"the report {str(file)!r} cannot be written: {error.strerror}") from error
