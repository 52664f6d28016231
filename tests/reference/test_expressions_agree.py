"""The engine's `safe` evaluator and the reference's tiny one give the same values, on random expressions."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flowcraft_engine.expressions import ExpressionError, Scope, evaluator_named
from tests.reference.expressions import ExpressionFailed, Names, evaluate

NODE_IDS = frozenset({"A", "check-it"})
VALUES = st.recursive(
    st.sampled_from([None, 0, 1, -3, 2.5, "", "t", "text"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b"]), inner, max_size=2)
    ),
    max_leaves=6,
)
ATOMS = """
1 | 0 | 2.5 | "t" | true | null | A | A.a | A.a.b | A["a"] | A[0] | A[-1] | check-it |
check-it.a | key | key.b | missing | missing.x.y | result.output | input | input.a |
inputs.key | context.key | outputs["check-it"] | [1, 2] | []
"""
SHAPES = """
{0} == {1} | {0} != {1} | {0} < {1} | {0} >= {1} | {0} and {1} | {0} or {1} | not {0} |
{0} + {1} | {0} - {1} | 2.5 * {0} | {0} / {1} | {0} % {1} | {0} if {1} else {2} |
{0} in {1} | {0} not in {1} | 1 < {0} < 9 | -{0} | len({0}) | min({0}) | max({0}) |
sum({0}) | sorted({0}) | keys({0}) | values({0}) | lower({0}) | upper({0}) | any({0}) |
all({0}) | [{0}, {1}]
"""


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split("|") if part.strip()]


@st.composite
def expressions(draw: st.DrawFn, depth: int = 2) -> str:
    if depth == 0 or draw(st.booleans()):
        return draw(st.sampled_from(_parts(ATOMS)))
    parts = [f"({draw(expressions(depth - 1))})" for _ in range(3)]
    return draw(st.sampled_from(_parts(SHAPES))).format(*parts)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(
    expressions(),
    st.fixed_dictionaries(dict.fromkeys(("A", "check-it", "key", "input", "output"), VALUES)),
)
def test_both_evaluators_give_one_value(text: str, values: dict[str, Any]) -> None:
    outputs = {node: values[node] for node in NODE_IDS}
    context = {"key": values["key"]}
    result = {"output": values["output"], "action": None}
    names = Names(outputs, context, context, NODE_IDS, {"result": result, "input": values["input"]})
    scope = Scope(outputs=outputs, context=context, inputs=context, result=result, input=values["input"])
    assert _reference(text, names) == _engine(text, scope)


def _reference(text: str, names: Names) -> str:
    try:
        return repr(evaluate(text, names))
    except ExpressionFailed:
        return "fails"


def _engine(text: str, scope: Scope) -> str:
    try:
        return repr(evaluator_named("safe").compile(text, NODE_IDS).evaluate(scope))
    except ExpressionError:
        return "fails"
