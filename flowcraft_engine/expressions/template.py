"""Values with `${{ expressions }}` in their texts. One pass: results are data, never read again."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import TypeAlias

from flowcraft_engine.expressions.evaluator import (
    Evaluator,
    ExpressionSyntaxError,
    Program,
    References,
    Scope,
)
from flowcraft_engine.expressions.limits import MAX_LENGTH, Meter
from flowcraft_engine.expressions.text import text_of
from flowcraft_engine.frozen import frozen
from flowcraft_engine.values import JsonValue, copy_json

Path: TypeAlias = tuple[str | int, ...]
_Render: TypeAlias = Callable[[Scope], JsonValue]

_MARK = "${{"
_OPENING = re.compile(r"\$?\$\{\{")
#: What matters on the way to the closing braces: texts, in which braces are data, and braces.
_INSIDE = re.compile(
    r"""  "(?:[^"\\]|\\.)*+(?:(?P<closed>")|.?\Z) | '(?:[^'\\]|\\.)*+(?:(?P<shut>')|.?\Z) | \$\{\{ | [{}] """,
    re.DOTALL | re.VERBOSE,
)


@frozen
class Placeholder:
    """One `${{ expression }}`: the text that it is in, and where in that text the expression begins."""

    path: Path
    offset: int
    program: Program


class Template:
    """A JSON value whose texts may hold expressions.

    An expression alone in its text keeps the type of its value; inside of a text it becomes text. `$${{`
    stands for a literal `${{`. `Template.compile` raises the first problem, `Template.problems` lists all.
    """

    __slots__ = ("_render", "is_constant", "placeholders", "references")

    def __init__(self, render: _Render, placeholders: tuple[Placeholder, ...]) -> None:
        self._render = render
        self.placeholders = placeholders
        self.is_constant = not placeholders
        self.references = References.union(each.program.references for each in placeholders)

    @classmethod
    def compile(
        cls, value: JsonValue, evaluator: Evaluator, node_ids: frozenset[str] = frozenset()
    ) -> Template:
        """Raises `ExpressionSyntaxError` with the path and offset of the first problem."""
        compiler = _Compiler(evaluator, node_ids)
        render = compiler.value(value, ())
        if compiler.problems:
            raise compiler.problems[0]
        return cls(render or _constant(value), tuple(compiler.placeholders))

    @staticmethod
    def problems(
        value: JsonValue, evaluator: Evaluator, node_ids: frozenset[str] = frozenset()
    ) -> list[tuple[Path, ExpressionSyntaxError]]:
        """Every bad place: the path to its text, and the error whose `offset` counts in that text."""
        compiler = _Compiler(evaluator, node_ids)
        compiler.value(value, ())
        return [(error.path, error) for error in compiler.problems]

    def render(self, scope: Scope) -> JsonValue:
        """The value, fresh: it shares no list or object with the template or the scope."""
        return self._render(scope)


class _Compiler:
    def __init__(self, evaluator: Evaluator, node_ids: frozenset[str]) -> None:
        self.evaluator = evaluator
        self.node_ids = node_ids
        self.placeholders: list[Placeholder] = []
        self.problems: list[ExpressionSyntaxError] = []

    def value(self, value: JsonValue, path: Path) -> _Render | None:
        """How to render `value`; None if it is constant."""
        if isinstance(value, str):
            return self.text(value, path) if _MARK in value else None
        if isinstance(value, list):
            items = [self.value(item, (*path, index)) for index, item in enumerate(value)]
            return _list(value, items) if any(items) else None
        if isinstance(value, dict):
            entries = {key: self.value(item, (*path, key)) for key, item in value.items()}
            return _object(value, entries) if any(entries.values()) else None
        return None

    def text(self, text: str, path: Path) -> _Render:
        pieces: list[str | Program] = []
        for piece, start in self.pieces(text, path):
            if start is None:
                pieces.append(piece)
                continue
            try:
                program = self.evaluator.compile(piece, self.node_ids)
            except ExpressionSyntaxError as error:
                self.problems.append(error.moved(start, path))
                continue
            self.placeholders.append(Placeholder(path, start, program))
            pieces.append(program)
        if len(pieces) == 1 and not isinstance(pieces[0], str):
            return _alone(pieces[0])
        return _mixed(pieces)

    def pieces(self, text: str, path: Path) -> Iterator[tuple[str, int | None]]:
        """Literal pieces, with None, and expressions, with the offset of their first character."""
        position = 0
        while (opening := _OPENING.search(text, position)) is not None:
            if opening.start() > position:
                yield text[position : opening.start()], None
            position = opening.end()
            if len(opening[0]) > len(_MARK):
                yield _MARK, None
                continue
            closing = self.closing(text, opening, path)
            if closing is None:
                return
            yield text[position:closing], position
            position = closing + 2
        if position < len(text):
            yield text[position:], None

    def closing(self, text: str, opening: re.Match[str], path: Path) -> int | None:
        """The offset of the `}}` that closes the expression; None, and a problem, if there is none."""
        depth = 0
        for found in _INSIDE.finditer(text, opening.end(), opening.end() + MAX_LENGTH + 2):
            mark = found[0]
            if mark[0] in "\"'" and found.lastgroup is None:
                break
            if mark == _MARK:
                self.refuse(f"'{_MARK}' inside of an expression", found.start(), path)
                return None
            if mark == "{":
                depth += 1
            elif mark == "}" and depth:
                depth -= 1
            elif mark == "}" and text.startswith("}}", found.start()):
                return found.start()
        # A quote that is not closed hides the end; the nearest braces give the better message.
        nearest = text.find("}}", opening.end())
        if nearest < 0:
            self.refuse(f"'{_MARK}' is not closed", opening.start(), path)
            return None
        return nearest

    def refuse(self, message: str, offset: int, path: Path) -> None:
        hint = "close it with '}}'; write '$${{' for the characters themselves"
        self.problems.append(ExpressionSyntaxError(message, offset, hint, path))


def _constant(value: JsonValue) -> _Render:
    value = copy_json(value)
    return lambda scope: copy_json(value)


def _alone(program: Program) -> _Render:
    return lambda scope: copy_json(program.evaluate(scope))


def _mixed(pieces: list[str | Program]) -> _Render:
    def render(scope: Scope) -> JsonValue:
        meter = Meter()
        texts = []
        for piece in pieces:
            text = piece if isinstance(piece, str) else text_of(piece.evaluate(scope), meter)
            meter.charge_text(len(text))
            texts.append(text)
        return "".join(texts)

    return render


def _list(value: list[JsonValue], items: list[_Render | None]) -> _Render:
    renders = [render or _constant(item) for item, render in zip(value, items, strict=True)]
    return lambda scope: [render(scope) for render in renders]


def _object(value: dict[str, JsonValue], entries: dict[str, _Render | None]) -> _Render:
    renders = {key: entries[key] or _constant(item) for key, item in value.items()}
    return lambda scope: {key: render(scope) for key, render in renders.items()}
