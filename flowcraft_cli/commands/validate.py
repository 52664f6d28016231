"""`flowcraft validate`: every mistake at once. Imports no node that the user did not name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from flowcraft_cli.options import Json, option, settings_of
from flowcraft_cli.shared_options import BLUEPRINTS, NODES, takes

if TYPE_CHECKING:
    from flowcraft_engine.blueprint.finding import Finding


@takes(NODES, BLUEPRINTS)
def validate_command(
    context: typer.Context,
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE", help="Blueprints; - reads from stdin.", show_default=False),
    ],
    format: Annotated[
        Literal["text", "json", "github"],
        option("--format", help="How findings are written: text, json, or github (annotations)."),
    ] = "text",
    strict: Annotated[bool, option("--strict", help="Warnings count as errors.")] = False,
    json: Json = False,
) -> int:
    """Find every mistake in blueprints, each at file:line:column with a hint.

    Ends with 0, or with 3 if there are errors. Nothing is executed; node types are checked with --app, a
    project file, or installed packages.
    """
    from flowcraft_cli.output import stdout_for_results_only

    with stdout_for_results_only():  # modules of nodes may print when they are imported
        findings = _check(context, files)
    is_valid = not any(strict or str(finding.severity) == "error" for finding in findings)
    _print(findings, files, "json" if json else format, is_valid)
    if is_valid:
        return 0
    missing = all(finding.code == "file_missing" for finding in findings)
    return 7 if missing else 3


def _check(context: typer.Context, files: list[str]) -> list[Finding]:
    from flowcraft_engine.assembly.blueprints import check_file
    from flowcraft_engine.assembly.nodes import make_registry

    findings: list[Finding] = []
    for file in files:
        settings = settings_of(context, near=file)
        findings.extend(check_file(file, settings, make_registry(settings))[1])
    return findings


def _print(findings: list[Finding], files: list[str], format: str, is_valid: bool) -> None:
    from flowcraft_cli.colour import palette_for
    from flowcraft_cli.findings import annotation, finding_json, finding_text, summary
    from flowcraft_cli.output import emit, emit_json, tell

    if format == "json":
        emit_json({"schema": 1, "valid": is_valid, "issues": [finding_json(finding) for finding in findings]})
        return
    palette = palette_for("stdout")
    for finding in findings:
        emit(annotation(finding) if format == "github" else finding_text(finding, palette))
    names = files[0] if len(files) == 1 else f"{len(files)} files"
    if not findings:
        tell(f"{names}: valid")
    else:
        tell(f"{names}: {summary(findings)}")
