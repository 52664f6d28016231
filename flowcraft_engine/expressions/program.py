"""A compiled expression of any of our languages."""

from __future__ import annotations

from flowcraft_engine.expressions.closures import Code
from flowcraft_engine.expressions.evaluator import ExpressionError, References, Scope
from flowcraft_engine.expressions.limits import Meter
from flowcraft_engine.expressions.wording import shortened
from flowcraft_engine.values import JsonValue


class CompiledProgram:
    """The code of an expression. Keeps nothing between evaluations; threads may share it."""

    __slots__ = ("_code", "references", "text")

    def __init__(self, text: str, references: References, code: Code) -> None:
        self.text = text
        self.references = references
        self._code = code

    def __repr__(self) -> str:
        return f"CompiledProgram({shortened(self.text)!r})"

    def evaluate(self, scope: Scope) -> JsonValue:
        """The value; it may share lists and objects with the scope, so copy it before you change it."""
        try:
            meter = Meter()
            value = self._code(scope, meter)
            meter.check_result(value)
            return value
        except ExpressionError as error:
            raise self._failure(error.message, error.hint) from None
        except ZeroDivisionError:
            raise self._failure("division by zero") from None
        except (OverflowError, MemoryError):
            raise self._failure("a number or text is too large") from None
        except RecursionError:
            raise self._failure("the data is nested too deeply") from None

    def _failure(self, message: str, hint: str | None = None) -> ExpressionError:
        return ExpressionError(f"{message}, in '{shortened(self.text)}'", hint=hint)
