"""The operators over JSON values. Each is bounded, and says what it cannot combine."""

from __future__ import annotations

from collections.abc import Callable

from flowcraft_engine.expressions.evaluator import ExpressionError
from flowcraft_engine.expressions.limits import MAX_INTEGER_BITS, Meter
from flowcraft_engine.expressions.wording import kind_of
from flowcraft_engine.values import JsonValue

# Values are told apart by their exact type, which the type checker does not follow: hence the ignored rules.

Operation = Callable[[JsonValue, JsonValue, Meter], JsonValue]

NUMBERS = frozenset({int, float, bool})
_CONTAINERS = frozenset({list, dict})
_INFINITY = float("inf")


def checked(number: int | float) -> int | float:
    """The number, unless JSON could not carry it."""
    if type(number) is float:
        if number != number or number in (_INFINITY, -_INFINITY):
            raise ExpressionError("the result is not a finite number")
    elif number.bit_length() > MAX_INTEGER_BITS:  # type: ignore[union-attr]
        raise ExpressionError("the result has more than 4,000 digits")
    return number


def add(left: JsonValue, right: JsonValue, meter: Meter) -> JsonValue:
    kinds = (type(left), type(right))
    if kinds == (str, str):
        meter.charge_text(len(left) + len(right))  # type: ignore[arg-type]
        return left + right  # type: ignore[operator]
    if kinds == (list, list):
        meter.charge_built(len(left) + len(right))  # type: ignore[arg-type]
        return left + right  # type: ignore[operator]
    if kinds[0] in NUMBERS and kinds[1] in NUMBERS:
        return checked(left + right)  # type: ignore[operator, arg-type]
    raise _uncombinable("+", left, right, "use str() to make text of a value" if str in kinds else None)


def _numeric(symbol: str, compute: Callable[[int | float, int | float], int | float]) -> Operation:
    def run(left: JsonValue, right: JsonValue, meter: Meter) -> JsonValue:
        if type(left) in NUMBERS and type(right) in NUMBERS:
            return checked(compute(left, right))  # type: ignore[arg-type]
        raise _uncombinable(symbol, left, right)

    return run


def _equal(left: JsonValue, right: JsonValue, meter: Meter) -> bool:
    if type(left) in _CONTAINERS and type(left) is type(right):
        meter.charge_value(left)
    elif type(left) is str:
        meter.charge(1 + len(left) // 64)
    return left == right


def _unequal(left: JsonValue, right: JsonValue, meter: Meter) -> bool:
    return not _equal(left, right, meter)


def _ordering(symbol: str, compare: Callable[[JsonValue, JsonValue], bool]) -> Operation:
    def run(left: JsonValue, right: JsonValue, meter: Meter) -> JsonValue:
        if left is None or right is None:
            return False
        if type(left) not in NUMBERS:
            meter.charge_value(left)
        try:
            return compare(left, right)
        except TypeError:
            raise ExpressionError(
                f"'{symbol}' cannot compare {kind_of(left)} with {kind_of(right)}"
            ) from None

    return run


def _contains(left: JsonValue, right: JsonValue, meter: Meter) -> bool:
    """`left in right`. Null contains nothing and is in no text and no object."""
    if right is None:
        return False
    if type(right) is list:
        meter.charge_value(right) if type(left) in _CONTAINERS else meter.charge(1 + len(right))
        return left in right
    if type(right) is dict:
        return type(left) is str and left in right
    if type(right) is str and (left is None or type(left) is str):
        meter.charge(1 + len(right) // 8)
        return left is not None and left in right
    raise ExpressionError(f"'in' cannot look for {kind_of(left)} in {kind_of(right)}")


def _lacks(left: JsonValue, right: JsonValue, meter: Meter) -> bool:
    return not _contains(left, right, meter)


def negate(value: JsonValue) -> JsonValue:
    if type(value) in NUMBERS:
        return -value  # type: ignore[operator]
    raise ExpressionError(f"'-' needs a number, not {kind_of(value)}")


def affirm(value: JsonValue) -> JsonValue:
    if type(value) in NUMBERS:
        return +value  # type: ignore[operator]
    raise ExpressionError(f"'+' needs a number, not {kind_of(value)}")


def _uncombinable(symbol: str, left: JsonValue, right: JsonValue, hint: str | None = None) -> ExpressionError:
    return ExpressionError(f"'{symbol}' cannot combine {kind_of(left)} and {kind_of(right)}", hint=hint)


ARITHMETIC: dict[str, Operation] = {
    "+": add,
    "-": _numeric("-", lambda left, right: left - right),
    "*": _numeric("*", lambda left, right: left * right),
    "/": _numeric("/", lambda left, right: left / right),
    "//": _numeric("//", lambda left, right: left // right),
    "%": _numeric("%", lambda left, right: left % right),
}
COMPARISONS: dict[str, Operation] = {
    "==": _equal,
    "!=": _unequal,
    "<": _ordering("<", lambda left, right: left < right),  # type: ignore[operator]
    "<=": _ordering("<=", lambda left, right: left <= right),  # type: ignore[operator]
    ">": _ordering(">", lambda left, right: left > right),  # type: ignore[operator]
    ">=": _ordering(">=", lambda left, right: left >= right),  # type: ignore[operator]
    "in": _contains,
    "not in": _lacks,
}
