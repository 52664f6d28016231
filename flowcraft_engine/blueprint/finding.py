"""What is wrong with a blueprint, and where: one finding each, all of them told at once."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from flowcraft_engine.errors import AuthorError, NotFoundError
from flowcraft_engine.frozen import frozen


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"


@frozen
class SourceLocation:
    """A place in a file: `line` and `column` count from 1; `file` as the user named it (`<stdin>`,
    `<memory>`).
    """

    file: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@frozen
class Finding:
    """One problem: a stable `code`, a sentence, the place, and what to do about it.

    `excerpt` is the source line (cut to a sane width), `None` when there is no source text.
    """

    code: str
    message: str
    location: SourceLocation | None = None
    hint: str | None = None
    severity: Severity = Severity.ERROR
    excerpt: str | None = None

    def __str__(self) -> str:
        place = f"{self.location}: " if self.location else ""
        hint = f" → {self.hint}" if self.hint else ""
        return f"{place}{self.severity}: {self.message} [{self.code}]{hint}"


class BlueprintError(AuthorError):
    """The blueprint is not valid: `findings` has every problem, in the order of the file."""

    code = "blueprint_invalid"

    def __init__(self, findings: Sequence[Finding]) -> None:
        errors = [finding for finding in findings if finding.severity is Severity.ERROR]
        super().__init__("\n".join(str(finding) for finding in errors))
        self.findings = tuple(findings)


class MissingBlueprintError(BlueprintError, NotFoundError):
    """There is no such blueprint file."""

    code = "not_found"
    exit_code = 7
