"""Reads other files of data than blueprints, by the same rules: inputs of a run, test cases."""

from __future__ import annotations

from typing import Any

from flowcraft_engine.blueprint.document import Document
from flowcraft_engine.blueprint.finding import BlueprintError
from flowcraft_engine.blueprint.formats import EMPTY, parse
from flowcraft_engine.blueprint.limits import DEFAULT_LIMITS
from flowcraft_engine.blueprint.reading import from_text
from flowcraft_engine.blueprint.report import Report, UnreadableError


def read_data_text(name: str, text: str) -> Any:
    """The value of a text in YAML or JSON; `name` stands in findings. Raises `BlueprintError` with all of them."""
    return read_data_document(name, text).root


def read_data_document(name: str, text: str) -> Document:
    """The same with the places of its parts. The value of an empty text is None."""
    report = Report(None, DEFAULT_LIMITS.max_findings)
    try:
        report.source = source = from_text(name, text, DEFAULT_LIMITS)
        document = parse(source, DEFAULT_LIMITS, report)
    except UnreadableError as error:
        if error.finding.code == EMPTY:
            return Document(source, None)
        raise BlueprintError([*report.findings(), error.finding]) from None
    if report.has_errors:
        raise BlueprintError(report.findings())
    return document
