"""Which format a text is in: JSON by its name, or by its first letter when all of it is; else YAML."""

from __future__ import annotations

import re

from flowcraft_engine.blueprint.document import Document
from flowcraft_engine.blueprint.finding import Finding
from flowcraft_engine.blueprint.json_reader import read_json
from flowcraft_engine.blueprint.limits import Limits
from flowcraft_engine.blueprint.report import Report, UnreadableError, finding
from flowcraft_engine.blueprint.source import SourceText

#: The code of a text without a value.
EMPTY = "empty_blueprint"
_TOML = re.compile(r"\s*(?:#[^\n]*\n\s*)*(?:\[{1,2}[\w.\" -]+\]{1,2}\s*(?:#.*)?\n|[\w.-]+ *= *[\"'\[{\w-])")
_YAML = re.compile(r"(?:[ \t]*(?:#[^\n]*)?\r?\n)*(?:---|[\w$.-]+:(?:[ \t]|\r?\n|$)|- )")


def parse(source: SourceText, limits: Limits, report: Report) -> Document:
    """The document in a text. Raises `UnreadableError`, which names the format when it is another one."""
    text = source.text
    if not text.strip():
        raise UnreadableError(empty_finding(source))
    if source.name.lower().endswith(".json"):
        return _parse_json(source, limits, report)
    if text.lstrip()[:1] == "{":
        document = _try_json(source, limits)
        if document is not None:
            return document
    from flowcraft_engine.blueprint.yaml_reader import read_yaml

    try:
        document = read_yaml(source, limits, report)
    except UnreadableError as error:
        raise UnreadableError(_foreign(source) or error.finding) from None
    if document.root is None:
        raise UnreadableError(empty_finding(source))
    if not isinstance(document.root, dict):
        foreign = _foreign(source)
        if foreign is not None:
            raise UnreadableError(foreign)
    return document


def _parse_json(source: SourceText, limits: Limits, report: Report) -> Document:
    try:
        return read_json(source, limits, report)
    except UnreadableError as error:
        foreign = _foreign(source)
        if foreign is None and _YAML.match(source.text):
            text = "the file is named .json but its text is YAML"
            foreign = finding(source, "wrong_format", text, 0, "name it .yaml")
        raise UnreadableError(foreign or error.finding) from None


def _try_json(source: SourceText, limits: Limits) -> Document | None:
    """YAML can be written with braces, too: only what is JSON to its end is read as JSON."""
    attempt = Report(source, limits.max_findings)
    try:
        document = read_json(source, limits, attempt)
    except UnreadableError:
        return None
    return None if attempt.has_errors else document


def _foreign(source: SourceText) -> Finding | None:
    """Another format that the text plainly is."""
    start = source.text.lstrip()
    if start[:1] == "<":
        kind = "HTML" if start[:15].lower().startswith(("<!doctype html", "<html")) else "XML"
        return finding(source, "wrong_format", f"this is {kind}; a blueprint is YAML or JSON", 0)
    if _TOML.match(source.text):
        return finding(source, "wrong_format", "this looks like TOML; a blueprint is YAML or JSON", 0)
    return None


def empty_finding(source: SourceText) -> Finding:
    """An empty file, with the smallest blueprint that works."""
    hint = "the smallest one is: nodes: [{id: hello, uses: log, params: {message: Hello}}]"
    return finding(source, EMPTY, "the blueprint is empty", 0, hint)
