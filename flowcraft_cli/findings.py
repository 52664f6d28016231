"""Findings about blueprints: for people with excerpt and caret, as JSON, and as annotations of GitHub."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from flowcraft_cli.colour import Palette, palette_for
from flowcraft_cli.output import tell
from flowcraft_cli.text import safe
from flowcraft_engine.blueprint.finding import Finding, Severity


def has_errors(findings: Iterable[Finding]) -> bool:
    return any(finding.severity is Severity.ERROR for finding in findings)


def finding_json(finding: Finding) -> dict[str, Any]:
    place = finding.location
    return {
        "code": finding.code,
        "severity": str(finding.severity),
        "message": finding.message,
        "file": place.file if place else None,
        "line": place.line if place else None,
        "column": place.column if place else None,
        "hint": finding.hint,
    }


def tell_findings(findings: Sequence[Finding]) -> None:
    """All findings and their count, on stderr."""
    palette = palette_for("stderr")
    for finding in findings:
        tell(finding_text(finding, palette))
    tell(summary(findings))


def finding_text(finding: Finding, palette: Palette) -> str:
    """The finding in the shape that editors and terminals make clickable, with excerpt, caret and hint."""
    place = f"{palette.bold(safe(str(finding.location)))}: " if finding.location else ""
    is_error = finding.severity is Severity.ERROR
    kind = palette.red("error") if is_error else palette.yellow("warning")
    lines = [f"{place}{kind}: {safe(finding.message)} {palette.dim(f'[{finding.code}]')}"]
    lines.extend(_excerpt(finding, palette))
    if finding.hint:
        lines.append(f"    {palette.cyan('hint')}: {safe(finding.hint)}")
    return "\n".join(lines)


def _excerpt(finding: Finding, palette: Palette) -> list[str]:
    if not finding.excerpt or finding.location is None:
        return []
    shown = safe(finding.excerpt.expandtabs(4))
    number = str(finding.location.line)
    lines = [f"  {palette.dim(f'{number:>5} |')} {shown}"]
    # A cut line begins with an ellipsis: its columns are no longer those of the file.
    if not finding.excerpt.startswith("…"):
        before = finding.excerpt[: finding.location.column - 1]
        indent = len(safe(before.expandtabs(4)))
        lines.append(f"  {palette.dim('      |')} {' ' * indent}{palette.red('^')}")
    return lines


def annotation(finding: Finding) -> str:
    """A workflow command of GitHub Actions, which shows the finding at its line."""
    from flowcraft_engine.reports.workflow_command import workflow_command

    place = finding.location
    text = finding.message + (f" ({finding.hint})" if finding.hint else "")
    return workflow_command(
        "error" if finding.severity is Severity.ERROR else "warning",
        text,
        title=finding.code,
        file=place.file if place else None,
        line=place.line if place else None,
        column=place.column if place else None,
    )


def summary(findings: Sequence[Finding], files: int = 1) -> str:
    """`2 errors, 1 warning in 3 files`."""
    errors = sum(1 for finding in findings if finding.severity is Severity.ERROR)
    parts = [_counted(errors, "error")] if errors else []
    if len(findings) > errors:
        parts.append(_counted(len(findings) - errors, "warning"))
    where = f" in {files} files" if files > 1 else ""
    return (", ".join(parts) or "no problems") + where


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
