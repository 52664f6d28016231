from __future__ import annotations

import subprocess
import sys

import pytest

from flowcraft_engine.errors import RegistryError
from flowcraft_engine.nodes.base_node import BaseNode
from flowcraft_engine.nodes.builtin import BuiltinSettings, builtin_handlers
from flowcraft_engine.nodes.decorator import marked_name, node
from flowcraft_engine.nodes.entry import NodeEntry
from flowcraft_engine.nodes.registry import NodeRegistry, handler_of


@node("charge-card")
def charge(input):
    return input


@node
def refund(input):
    return input


@node("send")
class Send(BaseNode):
    pass


class SendLater(Send):
    pass


def plain(ctx):
    return None


def test_decorator_returns_the_function_itself():
    assert charge(3) == 3
    assert marked_name(charge) == "charge-card"
    assert marked_name(refund) == "refund"


def test_subclass_does_not_inherit_the_name():
    assert marked_name(SendLater) is None
    assert NodeRegistry([Send, SendLater]).get("SendLater").name == "SendLater"


def test_names_come_from_the_mark_the_function_or_the_argument():
    registry = NodeRegistry([charge, refund, plain])
    registry.register(lambda input: input, name="echo")
    assert registry.names()[:4] == ["charge-card", "echo", "plain", "refund"]
    assert registry.get("echo").name == "echo"


def test_lambda_needs_a_name():
    with pytest.raises(RegistryError, match="no name of its own"):
        NodeRegistry([lambda input: input])


def test_unknown_name_suggests_the_nearest():
    with pytest.raises(RegistryError) as caught:
        NodeRegistry([charge]).get("charge-crad")
    assert caught.value.hint == "did you mean 'charge-card'?"
    with pytest.raises(RegistryError) as caught:
        NodeRegistry([charge]).get("zzz")
    assert caught.value.hint == "the registered nodes are charge-card"


def test_two_functions_of_one_name_are_refused_with_both_origins():
    registry = NodeRegistry([charge])
    with pytest.raises(RegistryError, match=r"defined twice: \S*:charge and \S*:plain"):
        registry.register(plain, name="charge-card")


def test_the_same_function_twice_is_no_conflict():
    registry = NodeRegistry([charge, charge])
    assert registry.names()[0] == "charge-card"


@pytest.mark.parametrize("name", ["shell", "noop"])
def test_built_in_node_cannot_be_shadowed(name):
    with pytest.raises(RegistryError, match="built-in"):
        NodeRegistry().register(plain, name=name)


@pytest.mark.parametrize("name", [" ", "a\nb"])
def test_name_must_be_printable(name):
    with pytest.raises(RegistryError, match="cannot be the name"):
        NodeRegistry().register(plain, name=name)


def test_merged_has_the_types_of_all_and_is_complete_if_one_is():
    merged = NodeRegistry([charge], is_complete=False).merged(NodeRegistry([refund, charge]))
    assert {"charge-card", "refund"} <= set(merged)
    assert merged.is_complete
    with pytest.raises(RegistryError, match="defined twice"):
        other = NodeRegistry()
        other.register(plain, name="refund")
        merged.merged(other)


def test_it_is_a_catalog():
    registry = NodeRegistry([charge])
    assert registry.parameter_schema("charge-card") is None
    assert registry.parameter_schema("sleep")["required"] == ["duration"]
    with pytest.raises(KeyError):
        registry.parameter_schema("nope")


def entry(name, source):
    return NodeEntry(name, f"package {source}", source, lambda: handler_of(plain, name))


def test_plugins_are_asked_only_when_a_name_is_not_known():
    asked = []

    def plugins():
        asked.append(1)
        return [entry("extra", "a"), entry("charge-card", "a"), entry("noop", "a")]

    registry = NodeRegistry([charge], plugins=plugins)
    assert registry.get("charge-card").call.__name__ == "call"
    assert registry.get("noop").is_builtin
    assert not asked
    assert registry.get("extra").call is not None
    assert registry.names().count("noop") == 1
    assert asked == [1]


def test_conflict_of_two_plugins_hurts_only_who_uses_them():
    registry = NodeRegistry(plugins=lambda: [entry("x", "a"), entry("x", "b"), entry("y", "b")])
    assert registry.get("y")
    with pytest.raises(RegistryError, match="package a and package b"):
        registry.get("x")


def test_every_built_in_node_is_documented_with_an_example():
    for name, handler in builtin_handlers().items():
        assert handler.summary.endswith("."), name
        assert f"uses: {name}" in handler.documentation, name
        assert handler.is_builtin
        assert name == "noop" or handler.params_schema["additionalProperties"] is False


def test_built_in_nodes_are_made_with_the_settings_of_the_process():
    registry = NodeRegistry([charge])
    limited = registry.with_builtin_settings(BuiltinSettings(shell_environment={}))
    assert limited.get("shell") is not registry.get("shell")
    assert limited.get("charge-card") is registry.get("charge-card")


def test_importing_the_registry_loads_neither_pydantic_nor_httpx():
    code = (
        "import sys, flowcraft_engine.nodes.registry as r; r.NodeRegistry().get('noop');"
        "print([m for m in ('pydantic', 'httpx', 'jsonschema', 'importlib.metadata') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
