"""The functions that an expression may call: a closed table of small, bounded functions over JSON values."""

from __future__ import annotations

from collections.abc import Callable

from flowcraft_engine.expressions.evaluator import ExpressionError
from flowcraft_engine.expressions.limits import MAX_DISPLAY, Meter
from flowcraft_engine.expressions.operations import NUMBERS, add, checked
from flowcraft_engine.expressions.text import text_of
from flowcraft_engine.expressions.wording import kind_of
from flowcraft_engine.frozen import frozen
from flowcraft_engine.values import JsonValue

# Values are told apart by their exact type, which the type checker does not follow: hence the ignored rules.

Implementation = Callable[[list[JsonValue], Meter], JsonValue]

#: Sorting looks at an item several times.
_SORTING = 8
_MAX_DIGITS = 400


@frozen
class Function:
    run: Implementation
    least: int = 1
    most: int = 1

    @property
    def arity(self) -> str:
        if self.least == self.most:
            return "one value"
        return f"{self.least} to {self.most} values" if self.most < MAX_DISPLAY else "one or more values"


def _len(arguments: list[JsonValue], meter: Meter) -> JsonValue:
    value = arguments[0]
    if type(value) in (str, list, dict):
        return len(value)  # type: ignore[arg-type]
    raise _unfit("len", value, "text, a list or an object")


def _str(arguments: list[JsonValue], meter: Meter) -> JsonValue:
    return text_of(arguments[0], meter)


def _int(arguments: list[JsonValue], meter: Meter) -> JsonValue:
    value = arguments[0]
    if type(value) in NUMBERS:
        return int(value)  # type: ignore[arg-type]
    if type(value) is str and len(value) <= _MAX_DIGITS:
        try:
            return int(value)
        except ValueError:
            raise ExpressionError("int() cannot read the text as a whole number") from None
    raise _unfit("int", value, "a number or a short text")


def _float(arguments: list[JsonValue], meter: Meter) -> JsonValue:
    value = arguments[0]
    if type(value) in NUMBERS:
        return float(value)  # type: ignore[arg-type]
    if type(value) is str and len(value) <= _MAX_DIGITS:
        try:
            return checked(float(value))
        except ValueError:
            raise ExpressionError("float() cannot read the text as a number") from None
    raise _unfit("float", value, "a number or a short text")


def _round(arguments: list[JsonValue], meter: Meter) -> JsonValue:
    value = arguments[0]
    if type(value) not in NUMBERS:
        raise _unfit("round", value, "a number")
    if len(arguments) == 1:
        return round(value)  # type: ignore[arg-type]
    digits = arguments[1]
    if type(digits) is not int or not -_MAX_DIGITS <= digits <= _MAX_DIGITS:
        raise ExpressionError(f"round() takes from -{_MAX_DIGITS} to {_MAX_DIGITS} digits")
    return checked(round(value, digits))  # type: ignore[arg-type]


def _extreme(name: str, choose: Callable[[list[JsonValue]], JsonValue]) -> Implementation:
    def run(arguments: list[JsonValue], meter: Meter) -> JsonValue:
        items = arguments if len(arguments) > 1 else _items(name, arguments[0], meter)
        if not items:
            raise ExpressionError(f"{name}() of nothing")
        meter.charge_value(items)
        return _ordered(name, choose, items)

    return run


def _sorted(arguments: list[JsonValue], meter: Meter) -> JsonValue:
    items = _items("sorted", arguments[0], meter)
    meter.charge(_SORTING * len(items))
    meter.charge_value(items)
    return _ordered("sorted", sorted, items)  # type: ignore[arg-type]  # what has no order is a TypeError


def _ordered(
    name: str, function: Callable[[list[JsonValue]], JsonValue], items: list[JsonValue]
) -> JsonValue:
    try:
        return function(items)
    except TypeError:
        kinds = sorted({kind_of(item) for item in items})
        raise ExpressionError(f"{name}() cannot put {' and '.join(kinds)} in order") from None


def _sum(arguments: list[JsonValue], meter: Meter) -> JsonValue:
    items = _items("sum", arguments[0], meter)
    if set(map(type, items)) <= {int, bool} and len(items) > 0:
        meter.charge_value(items)
        return checked(sum(items))  # type: ignore[arg-type]
    total: JsonValue = 0
    for item in items:
        if type(item) not in NUMBERS:
            raise ExpressionError(f"sum() cannot add {kind_of(item)}")
        total = add(total, item, meter)
    return total


def _any(arguments: list[JsonValue], meter: Meter) -> JsonValue:
    return any(_items("any", arguments[0], meter))


def _all(arguments: list[JsonValue], meter: Meter) -> JsonValue:
    return all(_items("all", arguments[0], meter))


def _keys(arguments: list[JsonValue], meter: Meter) -> JsonValue:
    value = arguments[0]
    if type(value) is not dict:
        raise _unfit("keys", value, "an object")
    meter.charge(len(value))
    return list(value)


def _values(arguments: list[JsonValue], meter: Meter) -> JsonValue:
    value = arguments[0]
    if type(value) is not dict:
        raise _unfit("values", value, "an object")
    meter.charge(len(value))
    return list(value.values())


def _lower(arguments: list[JsonValue], meter: Meter) -> JsonValue:
    return _text("lower", arguments[0], meter).lower()


def _upper(arguments: list[JsonValue], meter: Meter) -> JsonValue:
    return _text("upper", arguments[0], meter).upper()


def _text(name: str, value: JsonValue, meter: Meter) -> str:
    if type(value) is not str:
        raise _unfit(name, value, "text")
    meter.charge(1 + len(value) // 8)
    return value


def _items(name: str, value: JsonValue, meter: Meter) -> list[JsonValue]:
    """The items of a list, the keys of an object, the characters of a text."""
    if type(value) is list:
        meter.charge(1 + len(value))
        return value
    if type(value) is dict or type(value) is str:
        meter.charge(1 + len(value))
        return list(value)
    raise _unfit(name, value, "a list")


def _unfit(name: str, value: JsonValue, wanted: str) -> ExpressionError:
    return ExpressionError(f"{name}() needs {wanted}, not {kind_of(value)}")


FUNCTIONS = {
    "len": Function(_len),
    "str": Function(_str),
    "int": Function(_int),
    "float": Function(_float),
    "round": Function(_round, 1, 2),
    "min": Function(_extreme("min", min), 1, MAX_DISPLAY),  # type: ignore[arg-type]
    "max": Function(_extreme("max", max), 1, MAX_DISPLAY),  # type: ignore[arg-type]
    "sum": Function(_sum),
    "any": Function(_any),
    "all": Function(_all),
    "sorted": Function(_sorted),
    "keys": Function(_keys),
    "values": Function(_values),
    "lower": Function(_lower),
    "upper": Function(_upper),
}
