"""Runs graphs in the notation of the scenarios, with nodes given as functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flowcraft_engine import Blueprint, FlowRuntime, NodeRegistry, RunResult, parse_blueprint
from flowcraft_engine.nodes.builtin import builtin_entries
from tests.acceptance.notation import graph

_BUILT_IN = {entry.name for entry in builtin_entries(None)}


def blueprint(text: str, patch: Mapping[str, Mapping[str, Any]] | None = None, **extra: Any) -> Blueprint:
    data = graph(text, **extra)
    for node in data["nodes"]:
        for key, value in (patch or {}).get(node["id"], {}).items():
            node[key] = {**node[key], **value} if isinstance(node.get(key), dict) else value
    return parse_blueprint(data)


def runtime(made: Blueprint, nodes: Mapping[str, Any] | None = None, **options: Any) -> FlowRuntime:
    """A runtime for these blueprints; what `nodes` leaves out echoes its input."""
    registry = NodeRegistry()
    given = dict(nodes or {})
    used = {node.uses for it in (made, *options.get("blueprints", ())) for node in it.nodes}
    for name in (used | set(given)) - _BUILT_IN:
        registry.register(given.get(name, _echo), name)
    return FlowRuntime(registry=registry, **options)


async def play(
    text: str,
    nodes: Mapping[str, Any] | None = None,
    inputs: Mapping[str, Any] | None = None,
    *,
    patch: Mapping[str, Mapping[str, Any]] | None = None,
    options: Mapping[str, Any] | None = None,
    **extra: Any,
) -> RunResult:
    made = blueprint(text, patch, **extra)
    return await runtime(made, nodes, **(options or {})).run(made, inputs, run_id="run")


def _echo(input: Any) -> Any:
    return input
