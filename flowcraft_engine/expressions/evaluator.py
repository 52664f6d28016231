"""The port of expression languages. Pure: no asyncio, time, environment or store; `env` values are arguments.

An expression is compiled once per blueprint and evaluated often. Compiling knows the declared node ids, so
that `check-it.total` is a node with a hyphen and not a subtraction, and so that a bare name is resolved once:
a node first, then a context key.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from flowcraft_engine.errors import FlowcraftError
from flowcraft_engine.frozen import frozen
from flowcraft_engine.values import JsonObject, JsonValue


class ExpressionError(FlowcraftError):
    """The expression could not be evaluated."""

    code = "expression_error"
    exit_code = 1


class ExpressionSyntaxError(ExpressionError):
    """The expression cannot be compiled; `offset` counts characters of its text, from 0.

    In a template, `path` leads to the text (`("headers", 0)`) and `offset` counts from its first character.
    """

    code = "expression_syntax"
    exit_code = 3

    def __init__(
        self, message: str, offset: int, hint: str | None = None, path: tuple[str | int, ...] = ()
    ) -> None:
        super().__init__(message, hint=hint)
        self.offset = offset
        self.path = path

    def moved(self, distance: int, path: tuple[str | int, ...]) -> ExpressionSyntaxError:
        """The same error, seen from the text that the expression is a part of."""
        return ExpressionSyntaxError(self.message, self.offset + distance, self.hint, path)


@frozen
class References:
    """What an expression reads: only this is fetched before it is evaluated.

    `nodes` and `context` are names; `all_nodes`/`all_context` say that the whole mapping is used
    (`keys(outputs)`, `context[name]`). `offsets` gives the first place of each bare or quoted name in the
    text, of `env.NAME` for an environment variable, and of the reserved names (`result`, `input`, ...).
    """

    nodes: frozenset[str] = frozenset()
    context: frozenset[str] = frozenset()
    env: frozenset[str] = frozenset()
    #: Names of `secret("NAME")`.
    secrets: frozenset[str] = frozenset()
    result: bool = False
    input: bool = False
    item: bool = False
    index: bool = False
    inputs: bool = False
    #: The names in `inputs.NAME`; whoever reads one reads all, which are at hand anyway.
    run_inputs: frozenset[str] = frozenset()
    all_nodes: bool = False
    all_context: bool = False
    #: The names in `result.NAME`, for who checks them: it has no others than `output` and `action`.
    result_keys: frozenset[str] = field(default=frozenset(), compare=False)
    offsets: Mapping[str, int] = field(default_factory=dict, compare=False)

    @staticmethod
    def union(references: Iterable[References]) -> References:
        """What several expressions read together; without offsets, since these belong to one text."""
        every = tuple(references)
        return References(
            nodes=frozenset().union(*(each.nodes for each in every)),
            context=frozenset().union(*(each.context for each in every)),
            env=frozenset().union(*(each.env for each in every)),
            secrets=frozenset().union(*(each.secrets for each in every)),
            run_inputs=frozenset().union(*(each.run_inputs for each in every)),
            result=any(each.result for each in every),
            input=any(each.input for each in every),
            item=any(each.item for each in every),
            index=any(each.index for each in every),
            inputs=any(each.inputs for each in every),
            all_nodes=any(each.all_nodes for each in every),
            all_context=any(each.all_context for each in every),
        )


@dataclass(slots=True)
class Scope:
    """The values that an expression may see; all of them JSON values. What is missing reads as null."""

    outputs: Mapping[str, JsonValue] = field(default_factory=dict)
    context: Mapping[str, JsonValue] = field(default_factory=dict)
    inputs: Mapping[str, JsonValue] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    result: JsonValue = None
    input: JsonValue = None
    item: JsonValue = None
    index: int | None = None


class Observation(NamedTuple):
    """What an expression looked at: `values` by path; of what is too large to keep, `large` says what it was."""

    values: JsonObject
    large: dict[str, str]


class Program(Protocol):
    """A compiled expression."""

    @property
    def text(self) -> str: ...

    @property
    def references(self) -> References: ...

    def evaluate(self, scope: Scope) -> JsonValue:
        """The value. Raises `ExpressionError` for type errors, division by zero and limits."""
        ...

    def observe(self, scope: Scope) -> Observation:
        """What the expression looks at in `scope`: recorded with decisions, as their evidence. Never raises."""
        ...


class Evaluator(Protocol):
    """An expression language."""

    @property
    def name(self) -> str: ...

    def compile(self, text: str, node_ids: frozenset[str] = frozenset()) -> Program:
        """Raises `ExpressionSyntaxError` with the offset of what is wrong."""
        ...
