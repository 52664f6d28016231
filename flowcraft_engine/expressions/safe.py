"""The default language: Python-like, small, without side effects, and bounded in size and time."""

from __future__ import annotations

from flowcraft_engine.expressions.closures import Code, code_of
from flowcraft_engine.expressions.evaluator import ExpressionError, References, Scope
from flowcraft_engine.expressions.limits import Meter
from flowcraft_engine.expressions.parser import parse
from flowcraft_engine.expressions.wording import shortened
from flowcraft_engine.values import JsonValue


class SafeProgram:
    """A compiled expression. Keeps nothing between evaluations; threads may share it."""

    __slots__ = ("_code", "references", "text")

    def __init__(self, text: str, references: References, code: Code) -> None:
        self.text = text
        self.references = references
        self._code = code

    def __repr__(self) -> str:
        return f"SafeProgram({shortened(self.text)!r})"

    def evaluate(self, scope: Scope) -> JsonValue:
        """The value; it may share lists and objects with the scope, so copy it before you change it."""
        try:
            return self._code(scope, Meter())
        except ExpressionError as error:
            raise ExpressionError(f"{error.message}, in '{shortened(self.text)}'", hint=error.hint) from None
        except ZeroDivisionError:
            raise ExpressionError(f"division by zero, in '{shortened(self.text)}'") from None
        except (OverflowError, MemoryError):
            raise ExpressionError(f"a number is too large, in '{shortened(self.text)}'") from None
        except RecursionError:
            raise ExpressionError(f"the data is nested too deeply, in '{shortened(self.text)}'") from None


class SafeEvaluator:
    """`total > 100 and "vip" in order.tags`: the language of the blueprint reference."""

    name = "safe"

    def compile(self, text: str, node_ids: frozenset[str] = frozenset()) -> SafeProgram:
        tree, references = parse(text, node_ids)
        return SafeProgram(text, references, code_of(tree))
