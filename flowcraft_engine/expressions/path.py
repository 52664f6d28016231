"""Flowcraft's default language: dotted and bracketed paths only. No operators, no surprises."""

from __future__ import annotations

import re

from flowcraft_engine.expressions.closures import Code, code_of
from flowcraft_engine.expressions.evaluator import ExpressionSyntaxError
from flowcraft_engine.expressions.lexer import TEXT, Token, check_length, text_value
from flowcraft_engine.expressions.limits import MAX_DEPTH
from flowcraft_engine.expressions.names import MEMBERS, RESERVED, NameBook
from flowcraft_engine.expressions.safe import SafeProgram
from flowcraft_engine.expressions.syntax import Step, Walk

#: A first name; `.name` or `.0`; `[0]`, `["name"]`. Without operators a hyphen can only belong to a name.
_FIRST = re.compile(r"[^\W\d][\w-]*")
_STEP = re.compile(
    r"""\.\s*(?P<name>[\w-]+) | \[\s*(?:(?P<index>-?[0-9]{1,9})
        |(?P<quoted>"[^"\\]*(?:\\.[^"\\]*)*"|'[^'\\]*(?:\\.[^'\\]*)*'))\s*\]""",
    re.VERBOSE | re.DOTALL,
)


class PathEvaluator:
    """`order.lines[0]["unit-price"]`: walks into a node's output, a context key or a reserved name."""

    name = "path"

    def compile(self, text: str, node_ids: frozenset[str] = frozenset()) -> SafeProgram:
        check_length(text)
        names = NameBook(node_ids)
        code = _path(text, names)
        return SafeProgram(text, names.references(), code)


def _path(text: str, names: NameBook) -> Code:
    stripped = text.rstrip()
    begin = len(text) - len(text.lstrip())
    if not stripped:
        raise ExpressionSyntaxError("the expression is empty", 0)
    first = _FIRST.match(stripped, begin)
    if first is None:
        raise ExpressionSyntaxError("a path begins with a name", begin)
    steps = _steps(stripped, first.end())
    name = first[0]
    if name in MEMBERS and steps and isinstance(steps[0][0], str):
        root = names.member(MEMBERS[name], steps[0][0], steps[0][1])
        steps = steps[1:]
    elif name in RESERVED:
        root = names.whole(name, begin)
    else:
        root = names.bare(name, begin)
    keys: list[Step] = [key for key, _ in steps]
    return code_of(Walk(root, keys) if keys else root)


def _steps(text: str, position: int) -> list[tuple[str | int, int]]:
    """The keys and their offsets, up to the end of the text."""
    steps: list[tuple[str | int, int]] = []
    while position < len(text):
        match = _STEP.match(text, position)
        if match is None:
            raise ExpressionSyntaxError(
                f"'{text[position]}' is not expected in a path",
                position,
                "a path is like 'a.b[0][\"c\"]'; operators need 'expressions: safe'",
            )
        steps.append(_key(match))
        if len(steps) > MAX_DEPTH * 2:
            raise ExpressionSyntaxError(f"a path of more than {MAX_DEPTH * 2} steps", position)
        position = match.end()
    return steps


def _key(match: re.Match[str]) -> tuple[str | int, int]:
    group = match.lastgroup
    assert group is not None
    offset = match.start(group)
    if group == "quoted":
        return text_value(Token(TEXT, match[group], offset)), offset
    if group == "index":
        return int(match[group]), offset
    return match[group], offset
