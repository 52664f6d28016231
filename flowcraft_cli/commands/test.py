"""`flowcraft test`: plays test cases."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flowcraft_cli.options import Json, option
from flowcraft_cli.shared_options import takes

if TYPE_CHECKING:
    from flowcraft_cli.run_reports import Wanted
    from flowcraft_engine.reports.junit import Check

_SUFFIXES = (".yaml", ".yml", ".json")


@takes()
def test_command(
    context: typer.Context,
    paths: Annotated[
        list[str], typer.Argument(metavar="PATH", help="Cases, or folders of cases.", show_default=False)
    ],
    report: Annotated[
        list[str] | None,
        option("--report", metavar="KIND=FILE", help="Write a report: junit=FILE. May be repeated."),
    ] = None,
    json: Json = False,
) -> int:
    """Play test cases that `flowcraft record` has made, and compare what comes of them.

    What was recorded stands in for every node that reaches outside: no network, no Redis, none of your code is
    needed, and sleeps and retries take no time. Ends with 0 if all is as expected, else with 1.
    """
    from flowcraft_cli.output import emit, emit_json, tell
    from flowcraft_cli.run_reports import write_report

    wanted = _wanted(context, report)
    checks = [_check(file) for file in _files(paths)]
    failed = sum(bool(check.problems) for check in checks)
    if json:
        emit_json(
            {"schema": 1, "passed": len(checks) - failed, "failed": failed, "cases": _documents(checks)}
        )
    else:
        for line in _lines(checks):
            emit(line)
        tell(f"{len(checks) - failed} passed" + (f", {failed} failed" if failed else ""))
    for one in wanted:
        from flowcraft_engine.reports.junit import junit_of_checks

        assert one.file is not None
        write_report(one.file, junit_of_checks("flowcraft test", checks))
    return 1 if failed else 0


def _wanted(context: typer.Context, values: list[str] | None) -> list[Wanted]:
    if not values:
        return []
    from flowcraft_cli.options import source_of
    from flowcraft_cli.run_reports import wanted_reports
    from flowcraft_engine.errors import UsageError

    source = source_of(context, "report")
    wanted = wanted_reports(values, source)
    for one in wanted:
        if one.kind != "junit":
            raise UsageError(f"{source}: test cases have no report {one.kind!r}", hint="write junit=FILE")
    return wanted


def _files(paths: list[str]) -> list[Path]:
    """The cases, those of folders in order. Raises `NotFoundError` if there are none."""
    from flowcraft_engine.errors import NotFoundError

    found: list[Path] = []
    for name in paths:
        path = Path(name)
        if path.is_dir():
            found += sorted(file for file in path.rglob("*") if file.suffix in _SUFFIXES and _is_case(file))
        elif path.exists():
            found.append(path)
        else:
            raise NotFoundError(f"there is no file or folder {name!r}")
    if not found:
        where = ", ".join(paths)
        raise NotFoundError(f"there are no cases in {where}", hint="flowcraft record RUN -o FILE makes one")
    return found


def _is_case(file: Path) -> bool:
    """Blueprints may lie beside cases; only these say what to expect."""
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return "expect:" in text or '"expect"' in text


def _check(file: Path) -> Check:
    """Play one case; whatever is wrong with it is told as its problem."""
    import time

    from flowcraft_cli.execution import run_async
    from flowcraft_engine.blueprint.finding import BlueprintError, Severity
    from flowcraft_engine.errors import FlowcraftError
    from flowcraft_engine.reports.junit import Check

    began = time.perf_counter()
    try:
        problems = run_async(_play(file))
    except BlueprintError as error:
        problems = [str(finding) for finding in error.findings if finding.severity is Severity.ERROR]
    except FlowcraftError as error:
        problems = [error.message + (f" ({error.hint})" if error.hint else "")]
    return Check(file.stem, str(file), time.perf_counter() - began, problems)


async def _play(file: Path) -> list[str]:
    from flowcraft_engine.testing.case_file import read_case
    from flowcraft_engine.testing.replay import blueprints_of, mismatches, replay

    case = read_case(file)
    return mismatches(case.expect, await replay(case, blueprints_of(case, file.parent)))


def _lines(checks: list[Check]) -> list[str]:
    from flowcraft_cli.colour import palette_for
    from flowcraft_cli.looks import marked
    from flowcraft_cli.text import safe

    palette = palette_for("stdout")
    lines = []
    for check in checks:
        state = "failed" if check.problems else "completed"
        lines.append(marked(state, safe(check.file), palette, "stdout"))
        lines += [f"    {safe(problem)}" for problem in check.problems]
    return lines


def _documents(checks: list[Check]) -> list[dict[str, object]]:
    return [
        {
            "name": check.name,
            "file": check.file,
            "passed": not check.problems,
            "problems": list(check.problems),
        }
        for check in checks
    ]
