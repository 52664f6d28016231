"""A tiny, slow evaluator of the `safe` expressions: Python's own parser and a walk over its tree.

Independent of the engine's evaluator on purpose. Rules (DESIGN sections 3 and 9): a missing path is null;
ordering with null is false; a bare name is a node first, then a context key; a type error or a division by
zero is an `ExpressionFailed`.
"""

from __future__ import annotations

import ast
import json
import operator
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "len": len, "str": str, "int": int, "float": float, "round": round, "min": min, "max": max, "sum": sum,
    "any": any, "all": all, "sorted": sorted, "keys": lambda d: list(d.keys()),
    "values": lambda d: list(d.values()), "lower": lambda s: s.lower(), "upper": lambda s: s.upper(),
}  # fmt: skip
ORDERINGS = {ast.Lt: operator.lt, ast.LtE: operator.le, ast.Gt: operator.gt, ast.GtE: operator.ge}
ARITHMETIC = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv, ast.Mod: operator.mod,
}  # fmt: skip
CONSTANTS = {"true": True, "false": False, "null": None}
TEMPLATE = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)


class ExpressionFailed(Exception):
    """The expression has no value: the node that owns it fails."""


@dataclass
class Names:
    """What an expression may name. `special` holds result, input, item, index and env, where they exist."""

    outputs: dict[str, Any] = field(default_factory=dict)
    context: dict[str, Any] = field(default_factory=dict)
    inputs: dict[str, Any] = field(default_factory=dict)
    node_ids: frozenset[str] = frozenset()
    special: dict[str, Any] = field(default_factory=dict)


def evaluate(expression: str, names: Names) -> Any:
    hyphens = {node: f"_node_{index}" for index, node in enumerate(sorted(names.node_ids)) if "-" in node}
    for node in sorted(hyphens, key=len, reverse=True):
        expression = re.sub(rf"(?<![\w.\-\"']){re.escape(node)}(?![\w\-])", hyphens[node], expression)
    plain = {alias: node for node, alias in hyphens.items()}
    try:
        return _value(ast.parse(expression.strip(), mode="eval").body, names, plain)
    except (TypeError, ValueError, ArithmeticError, AttributeError) as error:
        raise ExpressionFailed(str(error)) from error


def fill_templates(value: Any, names: Names) -> Any:
    """`${{ e }}` alone keeps its type; inside text it becomes text."""
    if isinstance(value, dict):
        return {key: fill_templates(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [fill_templates(item, names) for item in value]
    if not isinstance(value, str):
        return value
    if whole := TEMPLATE.fullmatch(value.strip()):
        return evaluate(whole[1], names)
    return TEMPLATE.sub(lambda match: _text(evaluate(match[1], names)), value)


def _text(value: Any) -> str:
    """Null is empty, the rest that is no text is compact JSON."""
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def walk(value: Any, path: Iterable[str]) -> Any:
    """Into objects by key and lists by index; missing is null."""
    for key in path:
        if isinstance(value, dict):
            value = value.get(key)
        elif isinstance(value, list) and key.isdigit() and int(key) < len(value):
            value = value[int(key)]
        else:
            return None
    return value


def _value(tree: ast.expr, names: Names, plain: dict[str, str]) -> Any:
    def of(part: ast.expr) -> Any:
        return _value(part, names, plain)

    match tree:
        case ast.Constant(value):
            return value
        case ast.Name(name):
            return _name(plain.get(name, name), names)
        case ast.Attribute(base, attribute):
            holder = of(base)
            return holder.get(attribute) if isinstance(holder, dict) else None
        case ast.Subscript(base, index):
            return _item(of(base), of(index))
        case ast.List(items) | ast.Tuple(items):
            return [of(item) for item in items]
        case ast.Dict(keys, values):
            return {of(key): of(value) for key, value in zip(keys, values, strict=True) if key}
        case ast.BoolOp(ast.And(), parts):
            result: Any = True
            for part in parts:
                result = of(part)
                if not result:
                    return result
            return result
        case ast.BoolOp(ast.Or(), parts):
            for part in parts:
                result = of(part)
                if result:
                    return result
            return result
        case ast.UnaryOp(ast.Not(), operand):
            return not of(operand)
        case ast.UnaryOp(ast.USub(), operand):
            return -of(operand)
        case ast.BinOp(left, op, right) if type(op) in ARITHMETIC:
            return _calculate(op, of(left), of(right))
        case ast.IfExp(test, body, orelse):
            return of(body) if of(test) else of(orelse)
        case ast.Compare(left, ops, comparators):
            values = [of(part) for part in (left, *comparators)]
            return all(_compare(op, *pair) for op, pair in zip(ops, pairwise(values), strict=True))
        case ast.Call(ast.Name(name), args):
            return FUNCTIONS[name](*(of(arg) for arg in args))
    raise ExpressionFailed(f"not an expression of ours: {ast.dump(tree)}")


def _name(name: str, names: Names) -> Any:
    if name in CONSTANTS:
        return CONSTANTS[name]
    if name in names.special:
        return names.special[name]
    whole = {"context": names.context, "outputs": names.outputs, "inputs": names.inputs}
    if name in whole:
        return whole[name]
    if name in names.node_ids:
        return names.outputs.get(name)
    return names.context.get(name)


def _item(holder: Any, key: Any) -> Any:
    if isinstance(holder, dict):
        return holder.get(key)
    if isinstance(holder, (list, str)) and type(key) is int and -len(holder) <= key < len(holder):
        return holder[key]
    return None


def _compare(op: ast.cmpop, left: Any, right: Any) -> bool:
    match op:
        case ast.Eq() | ast.Is():
            return bool(left == right)
        case ast.NotEq() | ast.IsNot():
            return bool(left != right)
        case ast.In():
            return _holds(right, left)
        case ast.NotIn():
            return not _holds(right, left)
    if left is None or right is None:
        return False
    return bool(ORDERINGS[type(op)](left, right))


def _holds(holder: Any, value: Any) -> bool:
    """Nothing is in null, null is in no text, and only texts are keys of objects."""
    if holder is None or (isinstance(holder, str) and value is None):
        return False
    if isinstance(holder, dict) and not isinstance(value, str):
        return False
    return bool(value in holder)


def _calculate(op: ast.operator, left: Any, right: Any) -> Any:
    """Texts and lists can be added; everything else is for numbers."""
    if not isinstance(op, ast.Add) and not (
        isinstance(left, (int, float)) and isinstance(right, (int, float))
    ):
        raise ExpressionFailed("numbers are needed")
    return ARITHMETIC[type(op)](left, right)
