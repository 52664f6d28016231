"""The parser's complaints about YAML, in words that name the usual mistake and the place where it began."""

from __future__ import annotations

from typing import Any

from ruamel.yaml.error import MarkedYAMLError

from flowcraft_engine.blueprint.finding import Finding
from flowcraft_engine.blueprint.report import finding
from flowcraft_engine.blueprint.source import SourceText, printable


def syntax_finding(source: SourceText, error: MarkedYAMLError) -> Finding:
    """One finding for a syntax error of either parser."""
    at = _offset(source, error.problem_mark)
    opened = _offset(source, error.context_mark)
    problem = str(error.problem or error.context or "it cannot be read")
    place = at if at is not None else opened if opened is not None else 0
    special = _named(source, error, place, opened)
    if special is not None:
        return special
    message = f"this is not YAML: {printable(problem, 200)}"
    if error.context and opened is not None:
        message += f" ({printable(str(error.context), 120)} that begins {_line(source, opened)})"
    return finding(source, "yaml_syntax", message, place, _hint(problem))


def _named(source: SourceText, error: MarkedYAMLError, at: int, opened: int | None) -> Finding | None:
    context, problem = str(error.context or ""), str(error.problem or "")
    start = opened if opened is not None else at
    line_start = source.text.rfind("\n", 0, at) + 1
    indentation = source.text[line_start : at + 1]
    if "\t" in indentation and not indentation.strip():
        text = "the line is indented with a tab; YAML takes spaces only"
        return finding(
            source, "tab_indentation", text, line_start + indentation.index("\t"), "use two spaces"
        )
    if "quoted scalar" in context and "unexpected" in problem:
        quote = source.text[start : start + 1]
        mark = source.text.find("${{", source.text.rfind("\n", 0, start) + 1, start)
        if mark >= 0 and _quote_around(source.text, mark) == quote:
            return _template_finding(source, mark)  # the quote that is never closed was meant to close
        text = f"the quote {quote} opened {_line(source, start)} is never closed"
        return finding(
            source,
            "unclosed_quote",
            text,
            start,
            f"write it twice ({quote}{quote}) to mean itself" if quote == "'" else None,
        )
    template = _opened_template(source.text, line_start, at)
    if template is not None:
        return _template_finding(source, template)
    if "flow mapping" in context and source.text[at : at + 1] == ":":
        text = "there is a second ': ' before the comma or the bracket that ends this entry"
        hint = "quote text that holds ': ', or put a comma before the next key"
        return finding(source, "yaml_syntax", text, at, hint)
    for part, bracket in (("flow sequence", "["), ("flow mapping", "{")):
        if part in context:
            where = f"{_line(source, start)} is not closed before {_where(source, at)}"
            text = f"the bracket {bracket} opened {where}"
            return finding(
                source, "unclosed_bracket", text, start, "a comma or the closing bracket is missing"
            )
    if "flow node" in context or "flow node" in problem:
        start = max(source.text.rfind("[", 0, at), source.text.rfind("{", 0, at))
        if start >= 0:
            text = f"the bracket {source.text[start]} opened {_line(source, start)} is never closed"
            return finding(source, "unclosed_bracket", text, start, "the closing bracket is missing")
    if "undefined alias" in problem or "undefined alias" in context:
        return finding(source, "unknown_anchor", "there is no anchor above for this alias", at)
    return None


def _opened_template(text: str, line_start: int, at: int) -> int | None:
    """Where the `${{` begins that the parser has stumbled over: it reads its braces, or its quotes, as YAML."""
    start = text.rfind("${{", line_start, at + 3)
    return start if start >= 0 and "}}" not in text[start:at] else None


def _template_finding(source: SourceText, start: int) -> Finding:
    quote = _quote_around(source.text, start)
    if quote is not None:
        message = f"the quote {quote} before this ${{{{ ends inside of the expression"
        other = "'" if quote == '"' else '"'
        hint = f"put {other} around the whole, or use {other} inside of the expression"
        return finding(source, "unquoted_template", message, start, hint)
    end = source.text.find("}}", start)
    line_end = source.text.find("\n", start)
    is_whole = end >= 0 and (line_end < 0 or end < line_end)
    shown = source.text[start : end + 2] if is_whole else "${{ … }}"
    outer = '"' if "'" in shown or '"' not in shown else "'"
    message = "this ${{ is not quoted, and YAML takes its braces for its own"
    hint = f"quote the whole value, like {outer}{printable(shown, 120)}{outer}"
    return finding(source, "unquoted_template", message, start, hint)


def _quote_around(text: str, start: int) -> str | None:
    """The quote that was opened in the line before its `${{` at `start`, and that the expression has, too."""
    line_start = text.rfind("\n", 0, start) + 1
    before, expression = (
        text[line_start:start],
        text[start : start + 1_000].partition("\n")[0].partition("}}")[0],
    )
    doubled = (quote for quote in "\"'" if before.count(quote) % 2 and quote in expression)
    return next(doubled, None)


def _hint(problem: str) -> str | None:
    if "mapping values are not allowed" in problem:
        return "quote text that holds ': ', or check the indentation"
    if "could not find expected ':'" in problem:
        return "a ': ' is missing after the key, or the indentation is wrong"
    if "cannot start any token" in problem:
        return "quote text that begins with @, `, % or a tab"
    if "block mapping" in problem or "block end" in problem or "<block" in problem:
        return "check the indentation of this line and of the lines above"
    return "check the indentation and the quotes around this line"


def _offset(source: SourceText, mark: Any) -> int | None:
    """An offset of the text; both parsers count characters, and may point behind the end."""
    return None if mark is None else max(0, min(int(mark.index), len(source.text)))


def _line(source: SourceText, at: int) -> str:
    place = source.location(at)
    return f"in line {place.line}, column {place.column}"


def _where(source: SourceText, at: int) -> str:
    if at >= len(source.text.rstrip()):
        return "the end of the file"
    place = source.location(at)
    return f"line {place.line}, column {place.column}"
