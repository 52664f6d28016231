from __future__ import annotations

import time
from typing import Any

import pytest

from flowcraft_engine.expressions import (
    ExpressionError,
    ExpressionSyntaxError,
    SafeEvaluator,
    Scope,
    Template,
)

NODES = frozenset({"a"})
SCOPE = Scope(outputs={"a": {"n": 4, "list": [1, {"x": None}], "evil": "${{ a.n }}", "t": True, "z": None}})


def render(value: Any) -> Any:
    return Template.compile(value, SafeEvaluator(), NODES).render(SCOPE)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"n": "${{ a.n }}", "t": "n=${{ a.n }}"}, {"n": 4, "t": "n=4"}),  # E05
        ("${{a.list}}", [1, {"x": None}]),
        ("<${{ a.list }}>", '<[1,{"x":null}]>'),
        ("${{ a.n }}${{ a.t }}${{ a.z }}${{ 'é' }}${{ 1.5 }}", "4trueé1.5"),
        (" ${{ a.n }}", " 4"),
        ("$${{ a.n }}", "${{ a.n }}"),
        ("$$${{ a.n }} ${{ a.n }}", "$${{ a.n }} 4"),
        ("${{ a.evil }}", "${{ a.n }}"),
        ("x ${{ a.evil }}", "x ${{ a.n }}"),
        ("${{ {'o': {'i': a.n}}.o.i }}", 4),
        ("${{ '}}' + \"}}\" }}", "}}}}"),
        ("$ {{ }} ${ } }}", "$ {{ }} ${ } }}"),
        (["x", {"deep": ["${{ a.n }}"]}, 3, None], ["x", {"deep": [4]}, 3, None]),
        ({"${{ a.n }}": 1}, {"${{ a.n }}": 1}),
    ],
)
def test_templates_render(value: Any, expected: Any) -> None:
    assert render(value) == expected


def test_rendering_gives_a_fresh_value_each_time() -> None:
    source: dict[str, Any] = {"constant": [1, {"x": 1}], "made": "${{ a.list }}", "n": "${{ [1] }}"}
    template = Template.compile(source, SafeEvaluator(), NODES)
    first: Any = template.render(SCOPE)
    first["constant"][1]["x"] = first["made"][1]["x"] = first["n"][0] = "changed"
    source["constant"].append("changed")
    assert template.render(SCOPE) == {"constant": [1, {"x": 1}], "made": [1, {"x": None}], "n": [1]}


def test_a_constant_template_knows_that_it_is_one() -> None:
    assert Template.compile({"a": ["b", "$${{ x }}"]}, SafeEvaluator()).is_constant
    assert not Template.compile("${{ 1 }}", SafeEvaluator()).is_constant


def test_references_of_all_placeholders_are_combined() -> None:
    template = Template.compile(["${{ a.n }} ${{ env.HOME }}", "x ${{ k + item }}"], SafeEvaluator(), NODES)
    references = template.references
    assert (references.nodes, references.context, references.env) == ({"a"}, {"k"}, {"HOME"})
    assert references.item
    assert not references.input
    assert [(each.path, each.offset) for each in template.placeholders] == [((0,), 3), ((0,), 14), ((1,), 5)]


def test_every_bad_place_is_found() -> None:
    value = {
        "p": ["ok", "${{ a. }} and ${{ }}"],
        "q": "x ${{ a",
        "r": "${{ a ${{ k }} }}",
        "s": "${{ it's }}",
    }
    problems = Template.problems(value, SafeEvaluator(), NODES)  # type: ignore[arg-type]
    assert [(path, error.offset) for path, error in problems] == [
        (("p", 1), 7),
        (("p", 1), 17),
        (("q",), 2),
        (("r",), 6),
        (("s",), 4),
    ]
    assert "not closed" in problems[2][1].message
    assert "inside of an expression" in problems[3][1].message


def test_compiling_raises_the_first_problem_with_its_path() -> None:
    with pytest.raises(ExpressionSyntaxError) as caught:
        Template.compile({"x": {"y": ["${{ a > }}"]}}, SafeEvaluator(), NODES)
    assert caught.value.path == ("x", "y", 0)
    assert caught.value.offset == 8


def test_a_failing_placeholder_fails_the_rendering() -> None:
    with pytest.raises(ExpressionError, match="division by zero"):
        render("${{ a.n / 0 }}")


@pytest.mark.parametrize("unit", ["${{ '\\' ", '${{ "', "'", '\\"', "${{ }} ", "{", "$${{ ", "${{ 1 }}"])
def test_scanning_a_long_text_is_linear(unit: str) -> None:
    text = "${{ " + unit * (200_000 // len(unit)) + " }}"
    begin = time.thread_time()
    Template.problems(text, SafeEvaluator(), NODES)
    assert time.thread_time() - begin < 5
