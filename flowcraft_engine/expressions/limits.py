"""How much an expression may say, and how much work it may cause. Each limit has its own sentence."""

from __future__ import annotations

from flowcraft_engine.expressions.evaluator import ExpressionError

# Values are told apart by their exact type, which the type checker does not follow: hence the ignored rules.

#: Characters of an expression.
MAX_LENGTH = 2_000
#: Brackets, unary operators and `else` branches inside of each other.
MAX_DEPTH = 50
#: Items written out in one list, object or call.
MAX_DISPLAY = 500
#: Characters of a text that an expression or a template makes.
MAX_TEXT = 4 * 1024 * 1024
#: Python refuses to print longer integers, and so would every JSON encoder.
MAX_INTEGER_BITS = 14_000
#: Steps of one evaluation: an item looked at, or 64 characters of text. About 15 ms.
MAX_STEPS = 400_000
#: Steps to look once through a value that an expression put together: 1 MiB of small objects, about 25 ms.
MAX_RESULT_STEPS = 1_000_000

_CHARACTERS_A_STEP = 64


class Meter:
    """Counts the steps of one evaluation, and ends it when they are too many."""

    __slots__ = ("has_built", "left")

    def __init__(self) -> None:
        self.left = MAX_STEPS
        self.has_built = False

    def charge(self, steps: int) -> None:
        self.left -= steps
        if self.left < 0:
            raise ExpressionError(
                "the expression has to look at too much data", hint="do this work in a node"
            )

    def charge_built(self, length: int) -> None:
        """Charges for a new list or object: it only refers to its items, so the result is checked later."""
        self.has_built = True
        self.charge(4 + length)

    def check_result(self, value: object) -> None:
        """Refuses a result that names the same data so often that writing it would take long."""
        if self.has_built:
            self.left = MAX_RESULT_STEPS
            self.charge_value(value)

    def charge_text(self, length: int) -> None:
        if length > MAX_TEXT:
            raise ExpressionError(f"the text would be longer than {MAX_TEXT:,} characters")
        self.charge(1 + length // _CHARACTERS_A_STEP)

    def charge_value(self, value: object) -> None:
        """Charges for everything inside `value`; never walks further than the budget goes."""
        waiting = [value]
        while waiting:
            item = waiting.pop()
            kind = type(item)
            if kind is str:
                self.charge(1 + len(item) // _CHARACTERS_A_STEP)  # type: ignore[arg-type]
            elif kind is list:
                self.charge(4 + len(item))  # type: ignore[arg-type]
                waiting += [inner for inner in item if type(inner) in _SIZED]  # type: ignore[attr-defined]
            elif kind is dict:
                self.charge(8 + 2 * len(item))  # type: ignore[arg-type]
                waiting += [inner for inner in item.values() if type(inner) in _SIZED]  # type: ignore[attr-defined]
            else:
                self.charge(1)


_SIZED = frozenset({str, list, dict})
