from __future__ import annotations

import sys
from typing import Any

import pytest

from flowcraft_engine.errors import UsageError
from flowcraft_engine.expressions import (
    ExpressionError,
    ExpressionSyntaxError,
    PathEvaluator,
    SafeEvaluator,
    Scope,
    evaluator_named,
)

NODES = frozenset({"a", "check", "check-it", "result", "two words"})
A = {"n": 4, "x": 1, "y": 0, "tags": ["k", "l"], "none": None, "items": {"keys": 7}, "text": "Ann"}


def value_of(text: str, **fields: Any) -> Any:
    fields.setdefault("outputs", {"a": A, "check": {"it": 1}, "check-it": {"total": 5}, "result": "shadowed"})
    fields.setdefault("context", {"k": 3, "total": 10, "order": {"lines": [{"sku": "s", "unit-price": 2.5}]}})
    return SafeEvaluator().compile(text, NODES).evaluate(Scope(**fields))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # E01
        ("a.n * 2 + 1", 9),
        ("1 < a.n < 9", True),
        ("a.x if a.y else 3", 3),
        ('"k" in a.tags', True),
        ('"m" not in a.tags', True),
        ("7 // 2 - -7 % 4 / 2", 2.5),
        ("not a.y and (a.n or 1)", 4),
        ("a.y or a.none or 'default'", "default"),
        ("-a.n + +a.x", -3),
        ("'a' + \"b\" + '\\u00e9\\n'", "abé\n"),
        ("[1, 2,] + [a.n]", [1, 2, 4]),
        ("(1, 'x')", [1, "x"]),
        ("{'n': a.n, a.text: [null, None, true, False]}", {"n": 4, "Ann": [None, None, True, False]}),
        ("a.tags[0] + a.tags[-1] + a.tags[a.x]", "kll"),
        ("a.tags[1:] + a.tags[::-1]", ["l", "l", "k"]),
        ("a.text[1:3]", "nn"),
        ("'n' in a.text", True),
        ("'n' in a", True),
        ("1 == 1.0 != 2", True),
        ("[1, [2]] == [1, [2.0]]", True),
        # E02
        ("len(a.tags) + len('abc') + len(a.items)", 6),
        ("sum([1, 2.5, true])", 4.5),
        ("min(3, 1, 2) + max([4, 5])", 6),
        ("round(2.567, 2) + round(2.5)", 4.57),
        ("sorted([3, 1, 2])", [1, 2, 3]),
        ("sorted('bca')", ["a", "b", "c"]),
        ("keys(a.items) + values(a.items)", ["keys", 7]),
        ("lower('AbC') + upper('x')", "abcX"),
        ("any([0, 1]) and all([])", True),
        ("int('12') + int(3.9) + int(true)", 16),
        ("float('1.5') + float(1)", 2.5),
        (
            "str(1) + str(1.5) + str(true) + str(null) + str('x') + str([1, {'é': null}])",
            '11.5truex[1,{"é":null}]',
        ),
        # E03, and what is null
        ("missing.a.b", None),
        ("a.none.x", None),
        ("a.n.real", None),
        ("a.tags[7]", None),
        ("a.tags['x']", None),
        ("a.tags[true]", None),
        ("a[0]", None),
        ("a[a.tags]", None),
        ("a.none[1:]", None),
        ("missing > 3", False),
        ("missing < 3", False),
        ("3 >= missing.x", False),
        ("null <= null", False),
        ("1 < missing < 9", False),
        ("'k' in missing", False),
        ("'k' not in missing", True),
        ("null in 'text'", False),
        ("missing == null", True),
        # E04: fields are looked up in data, never in objects
        ("a.__class__", None),
        ("().__class__", None),
        ("a.items.keys", 7),
        ("a.text.upper", None),
        # Names
        ("check-it.total", 5),
        ("check-it.total - 1", 4),
        ("check.it", 1),
        ("total - 1", 9),
        ("total -1", 9),
        ("5-3", 2),
        ("a['n']", 4),
        ("outputs.a.n", 4),
        ("outputs['check-it'].total", 5),
        ("outputs.check-it.total", 5),
        ("outputs['result']", "shadowed"),
        ("context.k + context['total']", 13),
        ("context[a.text]", None),
        ("order.lines[0]['unit-price']", 2.5),
        ("len(outputs) + len(context)", 7),
    ],
)
def test_expressions_give_the_results_of_the_contract(text: str, expected: Any) -> None:
    result = value_of(text)
    assert result == expected
    assert type(result) is type(expected)


def test_reserved_names_come_before_nodes_and_context_keys() -> None:
    scope: dict[str, Any] = {"result": {"output": 1, "action": "ok"}, "input": 2, "item": 3, "index": 4}
    scope |= {"inputs": {"x": 5}, "env": {"HOME": "/"}, "context": {"input": 0, "item": 0}}
    assert value_of("[result.output, result.action, input, item, index]", **scope) == [1, "ok", 2, 3, 4]
    assert value_of("[inputs.x, inputs['x'], inputs['y'], env.HOME, env['NO']]", **scope) == [
        5,
        5,
        None,
        "/",
        None,
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 + 'x'", "'+' cannot combine a number and text, in '1 + 'x''"),
        ("missing * 2", "'*' cannot combine null and a number"),
        ("'a' * 3", "'*' cannot combine text and a number"),
        ("[0] * 3", "'*' cannot combine a list and a number"),
        ("a.n / a.y", "division by zero, in 'a.n / a.y'"),
        ("a.text > 3", "'>' cannot compare text with a number"),
        ("1e308 * 10", "the result is not a finite number"),
        ("len(5)", "len() needs text, a list or an object, not a number"),
        ("sorted([1, 'a'])", "sorted() cannot put a number and text in order"),
        ("int('x')", "int() cannot read the text as a whole number"),
        ("float('nan')", "the result is not a finite number"),
        ("{1: 2}", "the keys of an object are text, not a number"),
        ("-'a'", "'-' needs a number, not text"),
        ("min([])", "min() of nothing"),
    ],
)
def test_what_cannot_be_computed_is_an_expression_error(text: str, message: str) -> None:
    with pytest.raises(ExpressionError) as caught:
        value_of(text)
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("text", "offset", "message", "hint"),
    [
        ("", 0, "the expression is empty", None),
        ("a >", 3, "ends too early", "a value is expected"),
        ("a === 1", 2, "'==='", "write '=='"),
        ("a !== 1", 2, "'!=='", "write '!='"),
        ("a && k", 2, "'&&'", "write 'and'"),
        ("a || k", 2, "'||'", "write 'or'"),
        ("!a", 0, "'!'", "write 'not'"),
        ("a.n ** 2", 4, "'**'", "multiply"),
        ("a is null", 2, "'is'", "write '=='"),
        ("a = 1", 2, "'='", "write '=='"),
        ("k-1", 0, "there is no node 'k-1'", "write 'k - 1'"),
        ("chek-it.total", 0, "there is no node 'chek-it'", "did you mean 'check-it'?"),
        ("check-it-k", 0, "there is no node", "did you mean 'check-it'?"),
        ("a.b-c", 2, "'.b-c' is not clear", "write '[\"b-c\"]' for a key"),
        ("1 + lenn(a)", 4, "there is no function 'lenn'", "did you mean 'len'?"),
        ("a.tags.len()", 10, "values cannot be called", "write 'len(…)'"),
        (
            "a.tags.startswith('x')",
            17,
            "values cannot be called",
            "values have no methods; the functions are len,",
        ),
        ("len()", 0, "'len' takes one value, not 0", None),
        ("a.0", 1, "'.0' is not expected", "write '[0]'"),
        ("(a", 0, "'(' is not closed", None),
        ("'a", 0, "the quoted text is not closed", None),
        ("f'a'", 0, "'f' stands before a quoted text", None),
        ("lambda x: x", 7, "'x' is not expected", "no functions of their own"),
        ("[x for x in a]", 3, "'for' is not expected", "for_each"),
        ("env", 0, "'env' needs the name", "env.NAME"),
        ("_secret", 0, "internal", None),
        ("context._secret", 8, "internal", None),
        ("1" * 2001, 2000, "2,001 characters, 2,000 are allowed", None),
        ("(" * 60 + "1" + ")" * 60, 50, "nested more than 50 deep", None),
    ],
)
def test_syntax_errors_have_their_place_and_a_hint(
    text: str, offset: int, message: str, hint: str | None
) -> None:
    with pytest.raises(ExpressionSyntaxError) as caught:
        SafeEvaluator().compile(text, NODES)
    assert caught.value.offset == offset
    assert message in caught.value.message
    assert (hint or "") in (caught.value.hint or "")


def test_long_chains_are_not_deep() -> None:
    assert value_of("+".join(["1"] * 1000)) == 1000
    assert value_of("a" + ".x" * 900) is None
    assert value_of(" or ".join(["a.y"] * 200)) == 0


def test_references_are_exact_and_have_their_offsets() -> None:
    text = 'check-it.total > k + context["rate"] and outputs["two words"].x and input.a and env.HOME'
    references = SafeEvaluator().compile(text, NODES).references
    assert references.nodes == {"check-it", "two words"}
    assert references.context == {"k", "rate"}
    assert references.env == {"HOME"}
    assert references.input
    assert not (references.result or references.item or references.inputs or references.index)
    assert not (references.all_nodes or references.all_context)
    for name, shown in (("check-it", "check-it"), ("k", "k +"), ("rate", '"rate"'), ("env.HOME", "HOME")):
        assert text.startswith(shown, references.offsets[name])


@pytest.mark.parametrize("text", ["outputs[k]", "keys(outputs)", "outputs", "outputs['a' + 'b']"])
def test_dynamic_use_of_outputs_needs_all_of_them(text: str) -> None:
    assert SafeEvaluator().compile(text, NODES).references.all_nodes


@pytest.mark.parametrize("text", ["context[a.x]", "len(context)", "context", "context[0]"])
def test_dynamic_use_of_the_context_needs_all_of_it(text: str) -> None:
    assert SafeEvaluator().compile(text, NODES).references.all_context


def test_names_are_not_normalised() -> None:
    # Python would read these full-width letters as `__class__`.
    assert SafeEvaluator().compile("ｋ").references.context == {"ｋ"}


def test_a_nearly_full_stack_is_an_expression_error() -> None:
    program = SafeEvaluator().compile("(" * 40 + "a.n+1" + ")" * 40 + "+" + "-" * 40 + "1", NODES)

    def fill(depth: int) -> Any:
        return fill(depth - 1) if depth else program.evaluate(Scope(outputs={"a": A}))

    frames = sys.getrecursionlimit() - _stack_depth() - 25
    with pytest.raises(ExpressionError, match="nested too deeply"):
        fill(frames)


def _stack_depth() -> int:
    frame, depth = sys._getframe(), 0
    while frame.f_back is not None:
        frame, depth = frame.f_back, depth + 1
    return depth


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.tags[0]", "k"),
        ("a.tags.1", "l"),
        ("a['items'].keys", 7),
        ("check-it.total", 5),
        ("outputs['check-it'].total", 5),
        ("outputs.check-it.total", 5),
        ("order.lines[0].unit-price", 2.5),
        ("context.order.lines[-1]['unit-price']", 2.5),
        ("missing.x[3]", None),
        ("a.n.x", None),
        (" k ", 3),
        ("result.output", 9),
        ("input", 8),
    ],
)
def test_paths_walk_into_values(text: str, expected: Any) -> None:
    context = {"k": 3, "order": {"lines": [{"unit-price": 2.5}]}}
    scope = Scope(outputs={"a": A, "check-it": {"total": 5}}, context=context, result={"output": 9}, input=8)
    assert PathEvaluator().compile(text, NODES).evaluate(scope) == expected


def test_paths_know_what_they_read() -> None:
    compile_path = PathEvaluator().compile
    assert compile_path("check-it.total", NODES).references.nodes == {"check-it"}
    assert compile_path("context['x y'].z", NODES).references.context == {"x y"}
    assert compile_path("context['x y'].z", NODES).references.offsets == {"x y": 8}
    assert compile_path("outputs", NODES).references.all_nodes
    assert compile_path("result.action", NODES).references.result


@pytest.mark.parametrize(
    ("text", "offset"), [("", 0), ("a + 1", 1), ("a[", 1), ("a..b", 1), ("1", 0), ("a()", 1)]
)
def test_everything_but_a_path_is_refused_by_path(text: str, offset: int) -> None:
    with pytest.raises(ExpressionSyntaxError) as caught:
        PathEvaluator().compile(text, NODES)
    assert caught.value.offset == offset


def test_evaluators_are_found_by_name() -> None:
    assert evaluator_named("safe").name == "safe"
    assert evaluator_named("path").name == "path"
    with pytest.raises(UsageError) as caught:
        evaluator_named("sfae")
    assert caught.value.hint == "did you mean 'safe'?"
