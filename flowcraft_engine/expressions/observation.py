"""What an expression has looked at: the paths that it names, with their values, cut to what a person reads."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from flowcraft_engine.expressions.closures import Code, code_of
from flowcraft_engine.expressions.evaluator import ExpressionError, Observation, Scope
from flowcraft_engine.expressions.limits import Meter
from flowcraft_engine.expressions.names import CONTEXT_KEY, ENV, NODE, RUN_INPUT, SECRET, Root
from flowcraft_engine.expressions.syntax import (
    Arithmetic,
    Call,
    Choice,
    Comparison,
    ListDisplay,
    Logic,
    ObjectDisplay,
    Slice,
    Tree,
    Unary,
    Walk,
)
from flowcraft_engine.values import JsonObject, JsonValue

#: So many paths of one expression are noted, so many entries of a value, and so many characters of a text.
MOST_PATHS: Final = 8
MOST_ENTRIES: Final = 8
MOST_CHARACTERS: Final = 120

_WHOLES: Final = frozenset({"context", "outputs", "inputs"})
_NAMED: Final = frozenset({NODE, CONTEXT_KEY, RUN_INPUT})
_UNTOLD: Final = frozenset({ENV, SECRET})


class Reading(NamedTuple):
    """One path of an expression, and the code that reads it."""

    path: str
    code: Code


def readings_of(tree: Tree) -> tuple[Reading, ...]:
    """The first paths that the expression names, each once. Environment variables and secrets are never among them."""
    found: dict[str, Reading] = {}
    for reading in _readings(tree):
        found.setdefault(reading.path, reading)
        if len(found) == MOST_PATHS:
            break
    return tuple(found.values())


def observe(readings: Sequence[Reading], scope: Scope) -> Observation:
    """The values of the paths, as `scope` has them. Its cost does not depend on the size of the values."""
    values: JsonObject = {}
    large: dict[str, str] = {}
    for path, code in readings:
        try:
            value = code(scope, Meter())
        except ExpressionError:  # the expression itself tells of it
            continue
        if is_small(value):
            values[path] = value
        else:
            large[path] = summary_of(value)
    return Observation(values, large)


def is_small(value: JsonValue) -> bool:
    """True for what fits into a sentence: a short text, a number, a few of them."""
    if isinstance(value, str):
        return len(value) <= MOST_CHARACTERS
    if isinstance(value, (list, dict)):
        if len(value) > MOST_ENTRIES:
            return False
        entries = list(value.values()) if isinstance(value, dict) else value
        names = sum(map(len, value)) if isinstance(value, dict) else 0
        if any(isinstance(entry, (list, dict)) for entry in entries):
            return False
        texts = sum(len(entry) for entry in entries if isinstance(entry, str))
        return names + texts <= MOST_CHARACTERS
    return True


def summary_of(value: JsonValue) -> str:
    """`a list of 5000`, `an object of 12`, `a text of 4000 characters`."""
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return f"an object of {len(value)}"
    return f"a text of {len(value)} characters" if isinstance(value, str) else str(value)


def observation_text(values: Mapping[str, JsonValue], large: Mapping[str, str]) -> str:
    """`count = 3, order.lines is a list of 5000`."""
    parts = [f"{path} = {json.dumps(value, ensure_ascii=False)}" for path, value in values.items()]
    return ", ".join([*parts, *(f"{path} is {summary}" for path, summary in large.items())])


def _readings(tree: Tree) -> Iterator[Reading]:
    if isinstance(tree, Root):
        if tree.kind not in _WHOLES | _UNTOLD:
            yield Reading(_name(tree), code_of(tree))
        return
    if isinstance(tree, Walk) and isinstance(tree.base, Root):
        yield from _walked(tree, tree.base)
        return
    for part in _parts(tree):
        yield from _readings(part)


def _walked(tree: Walk, root: Root) -> Iterator[Reading]:
    """The path as far as it is constant, and what its computed steps read."""
    steps: list[str | int] = []
    for step in tree.steps:
        if not isinstance(step, (str, int)):
            break
        steps.append(step)
    if root.kind not in _UNTOLD and (steps or root.kind not in _WHOLES):
        path = _name(root) + "".join(map(_step_text, steps))
        yield Reading(path, code_of(Walk(root, list(steps))) if steps else code_of(root))
    for step in tree.steps[len(steps) :]:
        if not isinstance(step, (str, int)):
            yield from _readings_of_step(step)


def _readings_of_step(step: Tree | Slice) -> Iterator[Reading]:
    parts = (step.start, step.stop, step.step) if isinstance(step, Slice) else (step,)
    for part in parts:
        if part is not None:
            yield from _readings(part)


def _parts(tree: Tree) -> Iterator[Tree]:
    """The trees right below a tree."""
    if isinstance(tree, Unary):
        yield tree.operand
    elif isinstance(tree, (Arithmetic, Comparison)):
        yield tree.first
        yield from (operand for _, operand in tree.rest)
    elif isinstance(tree, Logic):
        yield from tree.operands
    elif isinstance(tree, Choice):
        yield from (tree.condition, tree.then, tree.otherwise)
    elif isinstance(tree, Call):
        yield from tree.arguments
    elif isinstance(tree, ListDisplay):
        yield from tree.items
    elif isinstance(tree, ObjectDisplay):
        for entry in tree.entries:
            yield from entry
    elif isinstance(tree, Walk):
        yield tree.base


def _name(root: Root) -> str:
    """A root as an expression spells it."""
    if root.kind not in _NAMED:
        return root.kind
    if root.kind == RUN_INPUT:
        return f"inputs.{root.name}"
    return root.name


def _step_text(step: str | int) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    return f".{step}" if step.replace("-", "_").isidentifier() else f"[{json.dumps(step)}]"
