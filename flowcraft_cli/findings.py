"""Findings about blueprints: for people with excerpt and caret, as JSON, and as annotations of GitHub."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from flowcraft_cli.colour import Palette, palette_for
from flowcraft_cli.output import tell
from flowcraft_cli.screen import width_of_screen
from flowcraft_cli.text import safe
from flowcraft_engine.blueprint.finding import Finding, Severity
from flowcraft_engine.blueprint.source import CUT_AROUND

#: An excerpt is no longer than this, and where there is no screen it is shown whole.
_EXCERPT_WIDTH = 140
_MARGIN = 10


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
    number = str(finding.location.line)
    shown, indent = _fitting(finding.excerpt, finding.location.column)
    lines = [f"  {palette.dim(f'{number:>5} |')} {shown}"]
    lines.append(f"  {palette.dim('      |')} {' ' * indent}{palette.red('^')}")
    return lines


def _fitting(excerpt: str, column: int) -> tuple[str, int]:
    """The part of the line around its column that the screen has room for, and where the caret stands below it."""
    shown = safe(excerpt.expandtabs(4))
    # A cut line begins with an ellipsis: its columns are no longer those of the file.
    before = CUT_AROUND if excerpt.startswith("…") and column > CUT_AROUND else column - 1
    indent = len(safe(excerpt[:before].expandtabs(4)))
    room = width_of_screen(_EXCERPT_WIDTH) - _MARGIN
    if len(shown) <= room:
        return shown, indent
    start = max(0, min(indent - room // 2, len(shown) - room))
    head, tail = "…" if start else "", "…" if start + room < len(shown) else ""
    return head + shown[start + len(head) : start + room - len(tail)] + tail, indent - start


def annotation(finding: Finding) -> str:
    """A workflow command of GitHub Actions, which shows the finding at its line."""
    from flowcraft_engine.reports.workflow_command import in_repository, workflow_command

    place = finding.location
    file = in_repository(place.file, github_workspace()) if place else None
    text = finding.message + (f" ({finding.hint})" if finding.hint else "")
    return workflow_command(
        "error" if finding.severity is Severity.ERROR else "warning",
        text,
        title=finding.code,
        file=file,
        line=place.line if place and file else None,
        column=place.column if place and file else None,
    )


def github_workspace() -> str:
    """The folder of the repository: annotations name files as seen from there."""
    return os.environ.get("GITHUB_WORKSPACE") or str(Path.cwd())


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
