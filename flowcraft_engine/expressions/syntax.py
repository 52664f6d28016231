"""The tree of an expression. Chains (`a + b - c`, `a.b[c]`, `x and y`) are flat: depth is what was nested."""

from __future__ import annotations

from typing import TypeAlias

from flowcraft_engine.expressions.names import Root
from flowcraft_engine.frozen import frozen
from flowcraft_engine.values import JsonValue


@frozen
class Constant:
    value: JsonValue


@frozen
class Slice:
    start: Tree | None
    stop: Tree | None
    step: Tree | None


@frozen
class Walk:
    """`base` and the steps into it: a key, an index, a computed one, or a slice."""

    base: Tree
    steps: list[Step]


@frozen
class Unary:
    operator: str
    operand: Tree


@frozen
class Arithmetic:
    """From left to right, operators of one precedence."""

    first: Tree
    rest: list[tuple[str, Tree]]


@frozen
class Comparison:
    """`a < b <= c`: true if every neighbour pair holds; what is not needed is not evaluated."""

    first: Tree
    rest: list[tuple[str, Tree]]


@frozen
class Logic:
    """`and` or `or`, with Python's result: the operand that decided."""

    operator: str
    operands: list[Tree]


@frozen
class Choice:
    condition: Tree
    then: Tree
    otherwise: Tree


@frozen
class Call:
    function: str
    arguments: list[Tree]


@frozen
class ListDisplay:
    items: list[Tree]


@frozen
class ObjectDisplay:
    entries: list[tuple[Tree, Tree]]


Tree: TypeAlias = (
    Constant
    | Root
    | Walk
    | Unary
    | Arithmetic
    | Comparison
    | Logic
    | Choice
    | Call
    | ListDisplay
    | ObjectDisplay
)
Step: TypeAlias = str | int | Tree | Slice
