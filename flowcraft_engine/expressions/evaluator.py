"""The port of expression languages. Pure: no asyncio, time, environment or store; `env` values are arguments.

An expression is compiled once per blueprint and evaluated often. Compiling knows the declared node ids, so that
`check-it.total` is a node with a hyphen and not a subtraction, and so that a bare name is resolved once: a node
first, then a context key.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from flowcraft_engine.errors import FlowcraftError
from flowcraft_engine.values import JsonValue


class ExpressionError(FlowcraftError):
    """The expression could not be evaluated."""

    code = "expression_error"
    exit_code = 1


class ExpressionSyntaxError(ExpressionError):
    """The expression cannot be compiled; `offset` counts characters of its text, from 0."""

    code = "expression_syntax"
    exit_code = 3

    def __init__(self, message: str, offset: int, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.offset = offset


@dataclass(frozen=True, slots=True)
class References:
    """What an expression reads: only this is fetched before it is evaluated.

    `nodes` and `context` are names; `all_nodes`/`all_context` say that the whole mapping is used
    (`keys(outputs)`, `context[name]`). `offsets` gives the first place of each bare or quoted name in the text.
    """

    nodes: frozenset[str] = frozenset()
    context: frozenset[str] = frozenset()
    env: frozenset[str] = frozenset()
    result: bool = False
    input: bool = False
    item: bool = False
    inputs: bool = False
    all_nodes: bool = False
    all_context: bool = False
    offsets: Mapping[str, int] = field(default_factory=dict, compare=False)


@dataclass(slots=True)
class Scope:
    """The values that an expression may see; all of them JSON values. What is missing reads as null."""

    outputs: Mapping[str, JsonValue] = field(default_factory=dict)
    context: Mapping[str, JsonValue] = field(default_factory=dict)
    inputs: Mapping[str, JsonValue] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    result: JsonValue = None
    input: JsonValue = None
    item: JsonValue = None
    index: int | None = None


class Program(Protocol):
    """A compiled expression."""

    @property
    def text(self) -> str: ...

    @property
    def references(self) -> References: ...

    def evaluate(self, scope: Scope) -> JsonValue:
        """The value of the expression. Raises `ExpressionError` for type errors, division by zero and limits."""
        ...


class Evaluator(Protocol):
    """An expression language."""

    @property
    def name(self) -> str: ...

    def compile(self, text: str, node_ids: frozenset[str] = frozenset()) -> Program:
        """Raises `ExpressionSyntaxError` with the offset of what is wrong."""
        ...
