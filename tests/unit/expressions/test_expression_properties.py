"""Any text ends well, and what the language shares with Python means the same."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from flowcraft_engine.expressions import (
    ExpressionError,
    ExpressionSyntaxError,
    PathEvaluator,
    SafeEvaluator,
    Scope,
    Template,
)

NODES = frozenset({"a", "check-it"})
DATA: dict[str, Any] = {"n": 4, "f": -2.5, "z": 0, "s": "Ann", "l": [1, 2, 3], "none": None, "t": True}
SCOPE = Scope(outputs={"a": DATA, "check-it": {"total": 5}}, context={"k": 3}, result={"output": 1}, item=[1])

_VOCABULARY = """
    a k n x result input item index context outputs inputs env check-it a-b not and or in if else is for
    true null None 1 0 2.5 1e9 .5 'x' "y" '' + - * / // % ** == != < <= > >= === && ! ( ) [ ] { } , : . = ${{
    len str int float round min max sum any all sorted keys values lower upper __class__ lambda }}
"""
WORDS = _VOCABULARY.split()
_BINARY = "+,-,*,/,//,%,==,!=,<,<=,>,>=,and,or,in,not in"
TEXTS = st.one_of(
    st.lists(st.sampled_from(WORDS), max_size=25).map(" ".join),
    st.lists(st.sampled_from(WORDS), max_size=25).map("".join),
    st.text(max_size=60),
)

ATOMS = st.one_of(
    st.integers(-20, 20).map(str),
    st.integers(-800, 800).map(lambda eighths: repr(eighths / 8)),
    st.sampled_from(["True", "False", "'a'", "'bc'", "''", "[1, 2]", "[]", "n", "f", "z", "s", "l"]),
)


def _grow(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    binary = st.sampled_from(_BINARY.split(","))
    return st.one_of(
        st.tuples(inner, binary, inner).map(lambda parts: f"({parts[0]} {parts[1]} {parts[2]})"),
        st.tuples(inner, binary, inner, binary, inner).map(lambda parts: f"({' '.join(parts)})"),
        st.tuples(st.sampled_from(["not ", "- ", "+ "]), inner).map(lambda parts: f"({''.join(parts)})"),
        st.tuples(inner, inner, inner).map(lambda parts: f"({parts[0]} if {parts[1]} else {parts[2]})"),
        st.tuples(inner, inner).map(lambda parts: f"[{parts[0]}, {parts[1]}][-1:]"),
        st.tuples(st.sampled_from(["len", "sum", "sorted", "any", "all", "int", "float"]), inner).map(
            lambda parts: f"{parts[0]}({parts[1]})"
        ),
    )


PYTHON = st.recursive(ATOMS, _grow, max_leaves=8).filter(lambda text: len(text) < 1_500)


@pytest.mark.parametrize("evaluator", [SafeEvaluator(), PathEvaluator()], ids=["safe", "path"])
@settings(max_examples=400, deadline=None)
@given(text=TEXTS)
def test_any_text_compiles_or_is_a_syntax_error_and_evaluates_to_json(evaluator: Any, text: str) -> None:
    try:
        program = evaluator.compile(text, NODES)
    except ExpressionSyntaxError as error:
        assert 0 <= error.offset <= len(text)
        return
    assert all(text[offset:].strip() for offset in program.references.offsets.values())
    try:
        json.dumps(program.evaluate(SCOPE), allow_nan=False)
    except ExpressionError as error:
        assert error.message


@settings(max_examples=300, deadline=None)
@given(text=st.lists(st.sampled_from([*WORDS, "${{ ", " }}", "$${{", "\n"]), max_size=20).map("".join))
def test_any_template_compiles_or_lists_its_problems(text: str) -> None:
    problems = Template.problems([text], SafeEvaluator(), NODES)
    if problems:
        assert all(path == (0,) and 0 <= error.offset <= len(text) for path, error in problems)
        return
    try:
        json.dumps(Template.compile([text], SafeEvaluator(), NODES).render(SCOPE), allow_nan=False)
    except ExpressionError as error:
        assert error.message


@settings(max_examples=500, deadline=None)
@given(text=PYTHON)
def test_shared_expressions_give_the_results_of_python(text: str) -> None:
    try:
        expected = eval(text, {}, dict(DATA))
    except (TypeError, ValueError, ZeroDivisionError, OverflowError):
        expected = ExpressionError
    try:
        result: Any = SafeEvaluator().compile(text).evaluate(Scope(context=DATA))
    except ExpressionError as error:
        # We refuse more than Python: text or lists times a number, text formatting.
        assert not isinstance(error, ExpressionSyntaxError)
        assert expected is ExpressionError or "*" in text or "%" in text
        return
    assert expected is not ExpressionError
    assert result == expected
    assert type(result) is type(expected)
