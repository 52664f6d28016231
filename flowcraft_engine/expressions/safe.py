"""The default language: Python-like, small, without side effects, and bounded in size and time."""

from __future__ import annotations

from flowcraft_engine.expressions.closures import code_of
from flowcraft_engine.expressions.evaluator import Program
from flowcraft_engine.expressions.parser import parse
from flowcraft_engine.expressions.program import CompiledProgram


class SafeEvaluator:
    """`total > 100 and "vip" in order.tags`: the language of the blueprint reference."""

    name = "safe"

    def compile(self, text: str, node_ids: frozenset[str] = frozenset()) -> Program:
        tree, references = parse(text, node_ids)
        return CompiledProgram(text, references, code_of(tree), tree)
