"""Inputs of a run: defaults, types, choices, and every problem at once."""

from __future__ import annotations

from typing import Any

import pytest

from flowcraft_engine.blueprint import bind_inputs, parse_blueprint
from flowcraft_engine.errors import InputError


def _bind(inputs: dict[str, Any] | None, given: dict[str, Any]) -> dict[str, Any]:
    return dict(bind_inputs(parse_blueprint({"inputs": inputs}), given))


def test_defaults_fill_what_is_missing() -> None:
    declared = {"a": {"default": "x"}, "b": {"type": "integer"}, "c": {"type": "array", "default": []}}
    assert _bind(declared, {}) == {"a": "x", "c": []}
    assert _bind(declared, {"a": "y", "b": 3}) == {"a": "y", "b": 3, "c": []}


def test_a_default_is_never_shared_between_runs() -> None:
    blueprint = parse_blueprint({"inputs": {"rows": {"type": "array", "default": []}}})
    first = bind_inputs(blueprint, {})
    assert isinstance(first["rows"], list)
    first["rows"].append(1)
    assert bind_inputs(blueprint, {}) == {"rows": []}


@pytest.mark.parametrize(
    ("type_name", "good", "bad"),
    [
        ("string", "x", 1),
        ("integer", 3, True),
        ("integer", 3.0, 3.5),
        ("number", 3, "3"),
        ("number", 0.5, False),
        ("boolean", False, 0),
        ("object", {}, []),
        ("array", [], {}),
        ("string", "", None),
    ],
)
def test_types_are_those_of_json_schema(type_name: str, good: object, bad: object) -> None:
    assert _bind({"x": {"type": type_name}}, {"x": good}) == {"x": good}
    with pytest.raises(InputError, match=f"must be of type {type_name}"):
        _bind({"x": {"type": type_name}}, {"x": bad})


def test_all_problems_are_told_together() -> None:
    declared = {
        "order": {"type": "object", "required": True},
        "currency": {"enum": ["EUR", "USD"]},
        "count": {"type": "integer"},
    }
    with pytest.raises(InputError) as caught:
        _bind(declared, {"currency": "CHF", "count": "2", "cuont": 1})
    assert len(caught.value.problems) == 4
    assert caught.value.exit_code == 3
    text = str(caught.value)
    assert "did you mean 'count'?" in text
    assert "'order' (object) is required and missing" in text
    assert 'one of "EUR", "USD"' in text


def test_true_is_not_one() -> None:
    with pytest.raises(InputError):
        _bind({"x": {"enum": [1]}}, {"x": True})
    assert _bind({"x": {"enum": [1]}}, {"x": 1.0}) == {"x": 1.0}


def test_a_blueprint_without_declarations_takes_any_input_but_our_own_names() -> None:
    assert _bind(None, {"x": {"y": 1}}) == {"x": {"y": 1}}
    with pytest.raises(InputError, match="flowcraft's own"):
        _bind(None, {"_x": 1})


def test_values_that_are_not_json_are_refused() -> None:
    with pytest.raises(InputError, match="not JSON"):
        _bind(None, {"x": {1, 2}})
