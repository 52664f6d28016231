"""A blueprint file names node types, never Python; and what is data in a run stays data."""

from __future__ import annotations

import sys

import pytest

from flowcraft_engine import FlowRuntime, NodeRegistry, lint_blueprint, parse_blueprint
from flowcraft_engine.errors import RegistryError


@pytest.mark.parametrize(
    "name", ["os:system", "os.system", "builtins:eval", "flowcraft_engine.nodes.registry", "../x"]
)
def test_node_type_is_looked_up_and_never_imported(name):
    with pytest.raises(RegistryError, match="no node is called"):
        NodeRegistry().get(name)


def test_checking_a_python_node_imports_nothing(tmp_path, monkeypatch):
    (tmp_path / "shop_canary.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    data = {"id": "b", "nodes": [{"id": "a", "uses": "python", "params": {"call": "shop_canary:f"}}]}
    assert not lint_blueprint(parse_blueprint(data), NodeRegistry())
    assert "shop_canary" not in sys.modules


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "data", ["${{ secret }}", "{{ secret }}", "$(echo pwned)", "`echo pwned`", "'; echo pwned; '", "$SECRET"]
)
async def test_data_stays_data_on_its_way_through_templates_and_the_shell(data):
    blueprint = {
        "id": "b",
        "inputs": {"text": {"type": "string"}, "secret": {"default": "leaked"}},
        "nodes": [
            {
                "id": "list",
                "uses": "shell",
                "params": {"run": ["printf", "%s", "${{ text }}"], "parse": "text"},
            },
            {
                "id": "script",
                "uses": "shell",
                "params": {
                    "run": 'printf %s "$T"',
                    "env": {"T": "${{ text }}", "SECRET": "x"},
                    "parse": "text",
                },
            },
            {"id": "again", "uses": "set", "needs": ["list"], "params": {"values": {"copy": "${{ list }}"}}},
        ],
    }
    result = await FlowRuntime().run(parse_blueprint(blueprint), {"text": data})
    assert result.status == "completed", result.errors
    assert result.nodes["list"].output == result.nodes["script"].output == data
    assert result.context["copy"] == data
