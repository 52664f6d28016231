"""Expressions: conditions, transforms and templates, compiled once, evaluated safely. Pure."""

from flowcraft_engine.expressions.evaluator import (
    Evaluator,
    ExpressionError,
    ExpressionSyntaxError,
    Observation,
    Program,
    References,
    Scope,
)
from flowcraft_engine.expressions.language import LANGUAGES, evaluator_named
from flowcraft_engine.expressions.limits import MAX_LENGTH
from flowcraft_engine.expressions.names import RESERVED
from flowcraft_engine.expressions.observation import observation_text
from flowcraft_engine.expressions.path import PathEvaluator
from flowcraft_engine.expressions.safe import SafeEvaluator
from flowcraft_engine.expressions.template import Placeholder, Template

__all__ = [
    "LANGUAGES",
    "MAX_LENGTH",
    "RESERVED",
    "Evaluator",
    "ExpressionError",
    "ExpressionSyntaxError",
    "Observation",
    "PathEvaluator",
    "Placeholder",
    "Program",
    "References",
    "SafeEvaluator",
    "Scope",
    "Template",
    "evaluator_named",
    "observation_text",
]
