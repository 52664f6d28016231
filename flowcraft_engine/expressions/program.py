"""A compiled expression of any of our languages."""

from __future__ import annotations

from flowcraft_engine.expressions.closures import Code
from flowcraft_engine.expressions.evaluator import ExpressionError, Observation, References, Scope
from flowcraft_engine.expressions.limits import Meter
from flowcraft_engine.expressions.observation import Reading, observe, readings_of
from flowcraft_engine.expressions.syntax import Tree
from flowcraft_engine.expressions.wording import shortened
from flowcraft_engine.values import JsonValue


class CompiledProgram:
    """The code of an expression. Keeps nothing of an evaluation; threads may share it.

    `tree` is what it was made of; None for a language in which an expression is one path.
    """

    __slots__ = ("_code", "_readings", "_tree", "references", "text")

    def __init__(self, text: str, references: References, code: Code, tree: Tree | None = None) -> None:
        self.text = text
        self.references = references
        self._code = code
        self._tree = tree
        #: Made when somebody observes for the first time: most expressions are no conditions.
        self._readings: tuple[Reading, ...] | None = None

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

    def observe(self, scope: Scope) -> Observation:
        """What the expression looks at in `scope`, cut to a sane size; without environment variables and secrets."""
        if self._readings is None:
            self._readings = self._read_paths()
        return observe(self._readings, scope)

    def _read_paths(self) -> tuple[Reading, ...]:
        if self._tree is not None:
            return readings_of(self._tree)
        is_untold = self.references.env or self.references.secrets
        return () if is_untold else (Reading(self.text.strip(), self._code),)

    def _failure(self, message: str, hint: str | None = None) -> ExpressionError:
        return ExpressionError(f"{message}, in '{shortened(self.text)}'", hint=hint)
