"""The expression languages by name, as blueprints say it: `expressions: safe`."""

from __future__ import annotations

from flowcraft_engine.errors import UsageError
from flowcraft_engine.expressions.evaluator import Evaluator
from flowcraft_engine.expressions.path import PathEvaluator
from flowcraft_engine.expressions.safe import SafeEvaluator
from flowcraft_engine.expressions.wording import did_you_mean

LANGUAGES = ("safe", "path")


def evaluator_named(name: str) -> Evaluator:
    """The language called `name`. Raises `UsageError` with the nearest name."""
    if name == "safe":
        return SafeEvaluator()
    if name == "path":
        return PathEvaluator()
    hint = did_you_mean(name, LANGUAGES) or f"there are {' and '.join(LANGUAGES)}"
    raise UsageError(f"there is no expression language '{name}'", hint=hint)
