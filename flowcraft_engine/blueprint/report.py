"""The findings of one check, collected instead of raised, so that a file's problems are all told at once."""

from __future__ import annotations

from dataclasses import replace

from flowcraft_engine.blueprint.finding import Finding, Severity, SourceLocation
from flowcraft_engine.blueprint.source import SourceText


class UnreadableError(Exception):
    """There is nothing to go on with: the text is not there, or is not YAML. `finding` says why."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.message)
        self.finding = finding


class Report:
    """Collects findings; places are offsets of the source text, or locations where there is no text."""

    def __init__(self, source: SourceText | None = None, max_findings: int = 500) -> None:
        #: Set once the text has been read.
        self.source = source
        self._max = max_findings
        self._findings: list[Finding] = []
        self._seen: set[tuple[str, str, int | SourceLocation | None]] = set()
        self._untold = 0
        self.has_errors = False

    @property
    def is_full(self) -> bool:
        return len(self._findings) >= self._max

    def error(
        self, code: str, message: str, at: int | SourceLocation | None = None, hint: str | None = None
    ) -> None:
        self.has_errors = True
        self._add(Severity.ERROR, code, message, at, hint)

    def warning(
        self,
        code: str,
        message: str,
        at: int | SourceLocation | None = None,
        hint: str | None = None,
        is_secret: bool = False,
    ) -> None:
        """With `is_secret` the line itself is not shown."""
        self._add(Severity.WARNING, code, message, at, hint, is_secret)

    def _add(
        self,
        severity: Severity,
        code: str,
        message: str,
        at: int | SourceLocation | None,
        hint: str | None,
        is_secret: bool = False,
    ) -> None:
        identity = (code, message, at)
        if identity in self._seen:
            return
        if self.is_full:
            self._untold += 1
            return
        self._seen.add(identity)
        found = finding(self.source, code, message, at, hint, severity)
        self._findings.append(replace(found, excerpt=None) if is_secret else found)

    def findings(self) -> list[Finding]:
        """All of them in the order of the file; what has no place comes last."""
        found = sorted(self._findings, key=_place)
        if self._untold:
            text = f"{self._untold} more problems are not shown"
            found.append(Finding("too_many_findings", text, hint="correct these first"))
        return found


def finding(
    source: SourceText | None,
    code: str,
    message: str,
    at: int | SourceLocation | None = None,
    hint: str | None = None,
    severity: Severity = Severity.ERROR,
) -> Finding:
    """A finding at an offset of `source`, with its line and the excerpt."""
    if not isinstance(at, int):
        return Finding(code, message, at, hint, severity)
    if source is None:
        return Finding(code, message, None, hint, severity)
    return Finding(code, message, source.location(at), hint, severity, source.excerpt(at))


def _place(item: Finding) -> tuple[int, int, int]:
    if item.location is None:
        return (1, 0, 0)
    return (0, item.location.line, item.location.column)
