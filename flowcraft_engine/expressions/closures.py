"""A tree into nested closures: the interpreter of checked expressions.

Nothing here reads an attribute of a value: a step into a value is a lookup in a JSON object or list,
else null.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import TypeAlias

from flowcraft_engine.expressions.evaluator import ExpressionError, Scope
from flowcraft_engine.expressions.functions import FUNCTIONS
from flowcraft_engine.expressions.limits import Meter
from flowcraft_engine.expressions.names import CONTEXT_KEY, ENV, NODE, RUN_INPUT, SECRET, Root
from flowcraft_engine.expressions.operations import ARITHMETIC, COMPARISONS, affirm, negate
from flowcraft_engine.expressions.syntax import (
    Arithmetic,
    Call,
    Choice,
    Comparison,
    Constant,
    ListDisplay,
    Logic,
    ObjectDisplay,
    Slice,
    Step,
    Tree,
    Unary,
    Walk,
)
from flowcraft_engine.expressions.wording import kind_of
from flowcraft_engine.values import JsonValue

Code: TypeAlias = Callable[[Scope, Meter], JsonValue]
StepCode: TypeAlias = Callable[[JsonValue, Scope, Meter], JsonValue]

_NAMED = {NODE: "outputs", CONTEXT_KEY: "context", RUN_INPUT: "inputs", ENV: "env", SECRET: "secrets"}
_MAPPINGS = frozenset({"outputs", "context", "inputs"})


def code_of(tree: Tree) -> Code:
    """The code of a tree that the parser made."""
    return _MAKERS[type(tree)](tree)


def step_into(value: JsonValue, key: JsonValue) -> JsonValue:
    """`value[key]`, or null: no such key, no such index, or nothing to step into."""
    if type(value) is dict:
        return value.get(key) if type(key) is str else None
    if type(key) is int and (type(value) is list or type(value) is str):
        return value[key] if -len(value) <= key < len(value) else None
    return None


def _constant(tree: Constant) -> Code:
    value = tree.value
    return lambda scope, meter: value


def _root(tree: Root) -> Code:
    name = tree.name
    if tree.kind == NODE:
        return lambda scope, meter: scope.outputs.get(name)
    if tree.kind == CONTEXT_KEY:
        return lambda scope, meter: scope.context.get(name)
    if tree.kind in _NAMED:
        named = attrgetter(_NAMED[tree.kind])
        return lambda scope, meter: named(scope).get(name)
    field = attrgetter(tree.kind)
    if tree.kind not in _MAPPINGS:
        return lambda scope, meter: field(scope)

    def whole(scope: Scope, meter: Meter) -> JsonValue:
        mapping = field(scope)
        meter.charge(len(mapping))
        return dict(mapping)

    return whole


def _walk(tree: Walk) -> Code:
    base = code_of(tree.base)
    keys = tree.steps
    if all(type(step) is str for step in keys):
        return _walk_names(base, keys)  # type: ignore[arg-type]  # all text, by the line above
    steps = [_step(step) for step in keys]

    def run(scope: Scope, meter: Meter) -> JsonValue:
        value = base(scope, meter)
        for step in steps:
            value = step(value, scope, meter)
        return value

    return run


def _walk_names(base: Code, keys: list[str]) -> Code:
    """The shape of nearly all paths: names only."""
    if len(keys) == 1:
        key = keys[0]

        def run_one(scope: Scope, meter: Meter) -> JsonValue:
            value = base(scope, meter)
            return value.get(key) if type(value) is dict else None

        return run_one

    def run(scope: Scope, meter: Meter) -> JsonValue:
        value = base(scope, meter)
        for key in keys:
            if type(value) is not dict:
                return None
            value = value.get(key)
        return value

    return run


def _step(step: Step) -> StepCode:
    if isinstance(step, (str, int)):
        return lambda value, scope, meter: step_into(value, step)
    if isinstance(step, Slice):
        return _slice(step)
    key = code_of(step)
    return lambda value, scope, meter: step_into(value, key(scope, meter))


def _slice(tree: Slice) -> StepCode:
    parts = [code_of(part) if part is not None else None for part in (tree.start, tree.stop, tree.step)]

    def run(value: JsonValue, scope: Scope, meter: Meter) -> JsonValue:
        bounds = [part(scope, meter) if part is not None else None for part in parts]
        for bound in bounds:
            if bound is not None and type(bound) is not int:
                raise ExpressionError(f"a slice needs whole numbers, not {kind_of(bound)}")
        if bounds[2] == 0:
            raise ExpressionError("the step of a slice cannot be zero")
        if type(value) is list:
            meter.charge(4 + len(value))
        elif type(value) is str:
            meter.charge(1 + len(value) // 64)
        else:
            return None
        return value[slice(*bounds)]  # type: ignore[arg-type]  # integers or None, checked above

    return run


def _unary(tree: Unary) -> Code:
    operand = code_of(tree.operand)
    if tree.operator == "not":
        return lambda scope, meter: not operand(scope, meter)
    apply = negate if tree.operator == "-" else affirm
    return lambda scope, meter: apply(operand(scope, meter))


def _arithmetic(tree: Arithmetic) -> Code:
    first = code_of(tree.first)
    rest = [(ARITHMETIC[symbol], code_of(operand)) for symbol, operand in tree.rest]

    def run(scope: Scope, meter: Meter) -> JsonValue:
        value = first(scope, meter)
        for operation, operand in rest:
            value = operation(value, operand(scope, meter), meter)
        return value

    return run


def _comparison(tree: Comparison) -> Code:
    first = code_of(tree.first)
    rest = [(COMPARISONS[symbol], code_of(operand)) for symbol, operand in tree.rest]
    if len(rest) == 1:
        compare, second = rest[0]
        return lambda scope, meter: compare(first(scope, meter), second(scope, meter), meter)

    def run(scope: Scope, meter: Meter) -> JsonValue:
        left = first(scope, meter)
        for operation, operand in rest:
            right = operand(scope, meter)
            if not operation(left, right, meter):
                return False
            left = right
        return True

    return run


def _logic(tree: Logic) -> Code:
    operands = [code_of(operand) for operand in tree.operands]
    until = tree.operator == "or"

    def run(scope: Scope, meter: Meter) -> JsonValue:
        value: JsonValue = None
        for operand in operands:
            value = operand(scope, meter)
            if bool(value) is until:
                break
        return value

    return run


def _choice(tree: Choice) -> Code:
    condition, then, otherwise = code_of(tree.condition), code_of(tree.then), code_of(tree.otherwise)
    return lambda scope, meter: (then if condition(scope, meter) else otherwise)(scope, meter)


def _call(tree: Call) -> Code:
    run = FUNCTIONS[tree.function].run
    arguments = [code_of(argument) for argument in tree.arguments]
    return lambda scope, meter: run([argument(scope, meter) for argument in arguments], meter)


def _list(tree: ListDisplay) -> Code:
    items = [code_of(item) for item in tree.items]

    def run(scope: Scope, meter: Meter) -> JsonValue:
        meter.charge_built(len(items))
        return [item(scope, meter) for item in items]

    return run


def _object(tree: ObjectDisplay) -> Code:
    entries = [(code_of(key), code_of(value)) for key, value in tree.entries]

    def run(scope: Scope, meter: Meter) -> JsonValue:
        result: dict[str, JsonValue] = {}
        for key_code, value_code in entries:
            key = key_code(scope, meter)
            if type(key) is not str:
                raise ExpressionError(f"the keys of an object are text, not {kind_of(key)}")
            result[key] = value_code(scope, meter)
        meter.charge_built(len(result))
        return result

    return run


_MAKERS: dict[type, Callable[..., Code]] = {
    Constant: _constant,
    Root: _root,
    Walk: _walk,
    Unary: _unary,
    Arithmetic: _arithmetic,
    Comparison: _comparison,
    Logic: _logic,
    Choice: _choice,
    Call: _call,
    ListDisplay: _list,
    ObjectDisplay: _object,
}
