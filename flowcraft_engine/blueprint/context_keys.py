"""The context keys that a blueprint tells of: its inputs, and what its nodes evidently write."""

from __future__ import annotations

from flowcraft_engine.blueprint.model import Blueprint, NodeSpec

#: Built-in types of which it is known which keys they write: none, but for what their params name.
_TELLING = frozenset(
    {
        "batch-gather",
        "batch-scatter",
        "check",
        "http",
        "log",
        "loop-controller",
        "noop",
        "python",
        "set",
        "shell",
        "sleep",
        "subflow",
        "wait",
    }
)


def known_keys(blueprint: Blueprint) -> set[str]:
    """Declared inputs, and keys that params name. Nodes of the user's may write any others."""
    keys = set(blueprint.inputs)
    for node in blueprint.nodes:
        keys.update(written_keys(node) or ())
    return keys


def are_all_known(blueprint: Blueprint) -> bool:
    """Whether there can be no other keys: inputs are declared, and every node tells what it writes."""
    return bool(blueprint.inputs) and all(written_keys(node) is not None for node in blueprint.nodes)


def written_keys(node: NodeSpec) -> list[str] | None:
    """The keys that a node writes, as far as its params say; None if it may write others, too."""
    params = node.params
    if node.uses == "set":
        values = params.get("values")
        return list(values) if isinstance(values, dict) else None
    if node.uses == "batch-gather":
        return [str(params.get("output_key") or node.id)]
    if node.uses == "subflow":
        outputs = params.get("outputs", {})
        return list(outputs) if isinstance(outputs, dict) else None
    return [] if node.uses in _TELLING else None
