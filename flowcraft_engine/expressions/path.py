"""Flowcraft's default language: dotted and bracketed paths only. No operators, no surprises."""

from __future__ import annotations

import re
from typing import NamedTuple

from flowcraft_engine.expressions.closures import Code, code_of, step_into
from flowcraft_engine.expressions.evaluator import ExpressionSyntaxError, Program, Scope
from flowcraft_engine.expressions.lexer import TEXT, Token, check_length, text_value
from flowcraft_engine.expressions.limits import MAX_DEPTH, Meter
from flowcraft_engine.expressions.names import MEMBERS, RESERVED, SECRET, NameBook
from flowcraft_engine.expressions.program import CompiledProgram
from flowcraft_engine.values import JsonValue

#: A first name; `.name` or `.0`; `[0]`, `["name"]`. Without operators a hyphen can only belong to a name.
_SECRET = re.compile(r"""secret\(\s*(?P<quote>["'])(?P<name>[^"'\\]+)(?P=quote)\s*\)""")
_FIRST = re.compile(r"[^\W\d][\w-]*")
_STEP = re.compile(
    r"""\.\s*(?P<name>[\w-]+) | \[\s*(?:(?P<index>-?[0-9]{1,9})
        |(?P<quoted>"[^"\\]*(?:\\.[^"\\]*)*"|'[^'\\]*(?:\\.[^'\\]*)*'))\s*\]""",
    re.VERBOSE | re.DOTALL,
)
_MAX_STEPS = 2 * MAX_DEPTH


class _Step(NamedTuple):
    """Into an object by key, into a list by place; `.0` may be either."""

    key: str | None
    place: int | None
    offset: int


class PathEvaluator:
    """`order.lines[0]["unit-price"]`: walks into a node's output, a context key or a reserved name."""

    name = "path"

    def compile(self, text: str, node_ids: frozenset[str] = frozenset()) -> Program:
        check_length(text)
        names = NameBook(node_ids)
        code = _path(text, names)
        return CompiledProgram(text, names.references(), code)


def _path(text: str, names: NameBook) -> Code:
    stripped = text.rstrip()
    begin = len(text) - len(text.lstrip())
    if not stripped:
        raise ExpressionSyntaxError("the expression is empty", 0)
    secret = _SECRET.fullmatch(stripped, begin)
    if secret is not None:
        return code_of(names.member(SECRET, secret["name"], begin))
    first = _FIRST.match(stripped, begin)
    if first is None:
        raise ExpressionSyntaxError("a path begins with a name", begin)
    steps = _steps(stripped, first.end())
    name = first[0]
    if name in MEMBERS and steps and steps[0].key is not None:
        root = names.member(MEMBERS[name], steps[0].key, steps[0].offset)
        steps = steps[1:]
    elif name in RESERVED:
        root = names.whole(name, begin)
        if name == "result" and steps and steps[0].key is not None:
            names.result_keys.add(steps[0].key)
    else:
        root = names.bare(name, begin)
    return _walk(code_of(root), steps) if steps else code_of(root)


def _walk(base: Code, steps: list[_Step]) -> Code:
    def run(scope: Scope, meter: Meter) -> JsonValue:
        value = base(scope, meter)
        for key, place, _ in steps:
            value = step_into(value, key if type(value) is dict else place)
        return value

    return run


def _steps(text: str, position: int) -> list[_Step]:
    """The steps up to the end of the text."""
    steps: list[_Step] = []
    while position < len(text):
        match = _STEP.match(text, position)
        if match is None:
            raise ExpressionSyntaxError(
                f"'{text[position]}' is not expected in a path",
                position,
                "a path is like 'a.b[0][\"c\"]'; operators need 'expressions: safe'",
            )
        steps.append(_step(match))
        if len(steps) > _MAX_STEPS:
            raise ExpressionSyntaxError(f"a path of more than {_MAX_STEPS} steps", position)
        position = match.end()
    return steps


def _step(match: re.Match[str]) -> _Step:
    group = match.lastgroup
    assert group is not None
    offset, text = match.start(group), match[group]
    if group == "quoted":
        return _Step(text_value(Token(TEXT, text, offset)), None, offset)
    if group == "index":
        return _Step(None, int(text), offset)
    is_index = text.isdecimal() and text.isascii() and len(text) < 10
    return _Step(text, int(text) if is_index else None, offset)
