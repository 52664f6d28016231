"""The JSON Schema accepts what the loader accepts, and editors can explain every key."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from flowcraft_engine.blueprint.formats import parse
from flowcraft_engine.blueprint.limits import DEFAULT_LIMITS
from flowcraft_engine.blueprint.reading import read_source
from flowcraft_engine.blueprint.report import Report
from flowcraft_engine.blueprint.schema import blueprint_schema
from flowcraft_engine.nodes.registry import NodeRegistry

ROOT = Path(__file__).parents[3]
_CORPUS = ROOT / "tests" / "corpus" / "blueprints"
VALID = sorted([*(_CORPUS / "valid").glob("*.*"), *(_CORPUS / "warn").glob("*.*")])
EXAMPLES = sorted([*(ROOT / "blueprints").rglob("*.yaml"), *(ROOT / "blueprints").rglob("*.json")])


def _data(path: Path) -> Any:
    return parse(read_source(path, DEFAULT_LIMITS), DEFAULT_LIMITS, Report()).root


def _errors(data: Any, schema: dict[str, Any] | None = None) -> list[str]:
    validator = Draft202012Validator(schema or blueprint_schema())
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(data)]


@pytest.mark.parametrize("path", [*VALID, *EXAMPLES], ids=lambda path: path.name)
def test_every_valid_blueprint_fits_the_schema(path: Path) -> None:
    data = _data(path)
    if not isinstance(data, dict) or "nodes" not in data:
        pytest.skip("no blueprint")
    assert _errors(data) == []


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(blueprint_schema())
    Draft202012Validator.check_schema(blueprint_schema(_Catalog()))


@pytest.mark.parametrize(
    "data",
    [
        {"nodes": "a"},
        {"nodes": [{"uses": "noop"}]},
        {"nodes": [{"id": "a", "uses": "noop", "config": {"max_retries": 0}}]},
        {"nodes": [{"id": "a", "uses": "noop", "config": {"jointStrategy": "any"}}]},
        {"nodes": [], "edges": ["a"]},
        {"nodes": [], "edges": [{"source": "a"}]},
        {"metadata": {"version": 1.1}},
        {"inputs": {"x": {"type": "objekt"}}},
        {"nodes": [{"id": "a", "loop": {"start": "a"}}]},
    ],
)
def test_the_schema_refuses_what_the_loader_refuses(data: Any) -> None:
    assert _errors(data)


def test_every_key_fits_in_camel_case_too_and_editors_are_not_offered_it() -> None:
    config = {"maxRetries": 3, "retryDelay": "2s", "joinStrategy": "any"}
    node = {"id": "a", "uses": "noop", "forEach": "rows", "onItemError": "collect", "config": config}
    loop = {"id": "b", "loop": {"start": "a", "end": "a", "condition": "x", "maxIterations": 3}}
    data = {"metadata": {"failFast": True}, "nodes": [node, loop]}
    assert _errors(data) == []
    config["maxRetries"] = 0
    assert _errors(data)
    assert "maxRetries" not in str(list(_offered(blueprint_schema(NodeRegistry()))))


def test_params_of_our_nodes_fit_in_camel_case_too() -> None:
    schema = blueprint_schema(NodeRegistry())

    def errors(params: Any) -> list[str]:
        return _errors({"nodes": [{"id": "a", "uses": "batch-gather", "params": params}]}, schema)

    assert errors({"gatherNodeId": "b", "outputKey": "c"}) == []
    assert errors({"gather_node_id": "b"}) == []
    assert errors({"outputKey": 3})
    assert errors({"gatherNode": "b"})
    shell = {"id": "a", "uses": "shell", "params": {"run": ["true"], "okCodes": [0]}}
    assert _errors({"nodes": [shell]}, schema) == []
    assert _errors({"nodes": [{"id": "a", "uses": "subflow", "params": {"inputs": {}}}]}, schema)


def _offered(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        yield from schema.get("properties", ())
        for part in schema.values():
            yield from _offered(part)
    for part in schema if isinstance(schema, list) else ():
        yield from _offered(part)


class _Catalog:
    is_complete = True

    def names(self) -> list[str]:
        return ["charge", "noop"]

    def parameter_schema(self, name: str) -> dict[str, Any] | None:
        if name == "noop":
            return None
        return {
            "type": "object",
            "properties": {"amount": {"$ref": "#/$defs/Amount", "description": "how much"}},
            "required": ["amount"],
            "additionalProperties": False,
            "$defs": {"Amount": {"type": "integer"}},
        }


def test_params_of_known_types_are_checked_and_templates_fit_everywhere() -> None:
    schema = blueprint_schema(_Catalog())

    def errors(params: Any) -> list[str]:
        return _errors({"nodes": [{"id": "a", "uses": "charge", "params": params}]}, schema)

    assert errors({"amount": 3}) == []
    assert errors({"amount": "${{ inputs.n }}"}) == []
    assert errors({"amount": "3"})
    assert errors({"amont": 3})
    assert _errors({"nodes": [{"id": "a", "uses": "charge"}]}, schema)
    assert _errors({"nodes": [{"id": "a", "uses": "chrge"}]}, schema)
    assert _errors({"nodes": [{"id": "a", "uses": "noop", "params": {"x": 1}}]}, schema) == []


def test_every_key_has_a_description() -> None:
    def keys(schema: Any, path: str) -> Iterator[tuple[str, Any]]:
        for name, part in schema.get("properties", {}).items():
            yield f"{path}.{name}", part
            yield from keys(part, f"{path}.{name}")
        for part in schema.get("oneOf", ()):
            yield from keys(part, path)

    schema = blueprint_schema()
    found = list(keys(schema, ""))
    for name, part in schema["$defs"].items():
        found.extend(keys(part, name))
    assert len(found) > 35
    for path, part in found:
        target = schema["$defs"][part["$ref"].rpartition("/")[2]] if "$ref" in part else {}
        assert part.get("description") or target.get("description"), path
