"""Schemas of answers: what is one, what an answer must fit, and that nothing is fetched or loaded for others."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from flowcraft_engine.blueprint.answer_schema import answer_problems, schema_problem

WITH_DEFINITION = {
    "type": "object",
    "properties": {"who": {"$ref": "#/$defs/name"}},
    "$defs": {"name": {"type": "string"}},
}
OF_ITS_OWN_NAME = {"$id": "https://example.com/a", "$defs": {"b": {}}, "items": {"$ref": "#/$defs/b"}}


@pytest.mark.parametrize(
    "schema", [{}, WITH_DEFINITION, OF_ITS_OWN_NAME, {"$ref": "https://json-schema.org/draft/2020-12/schema"}]
)
def test_a_schema_is_one(schema: dict[str, Any]) -> None:
    assert schema_problem(schema) is None


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        ({"type": "strin"}, ("type",)),
        ({"properties": {"a": {"minimum": "1"}}}, ("properties", "a", "minimum")),
        ({"anyOf": [{}, {"pattern": "("}]}, ("anyOf", 1, "pattern")),
        ({"properties": {"a": {"$ref": "#/$defs/nowhere"}}}, ()),
        ({"$ref": "http://127.0.0.1:9/answer.json"}, ()),
        ({"$ref": "file:///etc/passwd"}, ()),
    ],
)
def test_what_is_no_schema_is_told_at_its_place(schema: dict[str, Any], path: tuple[Any, ...]) -> None:
    problem = schema_problem(schema)
    assert problem is not None
    assert problem[0] == path


def test_an_answer_is_told_all_that_does_not_fit() -> None:
    assert answer_problems(WITH_DEFINITION, {"who": "Ann"}) == []
    assert answer_problems(WITH_DEFINITION, {"who": 1}) == [
        "$.who: it must be of type string, not the number 1"
    ]
    assert answer_problems({"type": ["object", "array"]}, None) == [
        "$: it must be of type object or array, not nothing"
    ]
    mixed = {"items": {"type": "string"}, "properties": {"a": {"type": "string"}}}
    assert len(answer_problems(mixed, [1, 2])) == 2


@pytest.mark.parametrize("schema", [{"$ref": "#"}, {"$ref": "http://127.0.0.1:9/answer.json"}])
def test_a_schema_that_cannot_be_used_refuses_every_answer_in_a_sentence(schema: dict[str, Any]) -> None:
    (problem,) = answer_problems(schema, 1)
    assert problem.startswith("the schema of the wait cannot be used")


def test_without_a_schema_its_library_is_not_loaded() -> None:
    code = (
        "import sys\n"
        "from flowcraft_engine.blueprint import load_blueprint_text\n"
        "load_blueprint_text('nodes: [{id: ask, uses: wait, params: {message: hello}}]')\n"
        "print('jsonschema' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
