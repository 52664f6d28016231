"""`-i key=value`: typed by the blueprint, else JSON if it is JSON, else text."""

from __future__ import annotations

import pytest

from flowcraft_cli.commands.resume import read_answer
from flowcraft_cli.inputs import collect_inputs
from flowcraft_engine import parse_blueprint
from flowcraft_engine.errors import InputError, UsageError


@pytest.mark.parametrize("text", ["NaN", "-Infinity", "1234e567", '{"a": NaN}', "01", "{"])
def test_what_is_no_json_is_text_unless_the_blueprint_says_otherwise(text: str) -> None:
    blueprint = parse_blueprint({"id": "x", "nodes": []})
    assert collect_inputs(blueprint, [f"x={text}"], None) == {"x": text}


@pytest.mark.parametrize(
    ("text", "said"), [("NaN", "NaN is not JSON"), ("1e999", "1e999 is too large for a number")]
)
def test_a_number_that_json_cannot_hold_is_none(text, said, tmp_path) -> None:
    blueprint = parse_blueprint({"id": "x", "nodes": [], "inputs": {"x": {"type": "number"}}})
    with pytest.raises(InputError, match=said):
        collect_inputs(blueprint, [f"x={text}"], None)
    file = tmp_path / "inputs.json"
    file.write_text(f'{{"x": {text}}}')
    with pytest.raises(UsageError, match=said):
        collect_inputs(blueprint, [], str(file))


@pytest.mark.parametrize("text", ["NaN", "1234e567", "oops"])
def test_an_answer_that_is_no_json_is_text(text: str) -> None:
    assert read_answer(text) == text


def test_an_answer_that_is_meant_as_json_must_be_some() -> None:
    with pytest.raises(UsageError, match="--output: NaN is not JSON"):
        read_answer('{"x": NaN}')
