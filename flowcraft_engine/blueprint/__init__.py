"""Blueprints: the format, reading it, checking it. Knows nothing of runs, stores or Python nodes.

The names are imported when they are first used: who looks at runs must not pay for reading blueprints.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flowcraft_engine.blueprint.catalog import NodeCatalog
    from flowcraft_engine.blueprint.finding import (
        BlueprintError,
        Finding,
        MissingBlueprintError,
        Severity,
        SourceLocation,
    )
    from flowcraft_engine.blueprint.graph import Graph
    from flowcraft_engine.blueprint.limits import DEFAULT_LIMITS, Limits
    from flowcraft_engine.blueprint.lint import lint_blueprint
    from flowcraft_engine.blueprint.loading import (
        check_blueprint_file,
        check_blueprint_text,
        find_blueprints,
        load_blueprint,
        load_blueprint_text,
        parse_blueprint,
    )
    from flowcraft_engine.blueprint.model import Blueprint, EdgeSpec, NodeSpec
    from flowcraft_engine.blueprint.run_inputs import bind_inputs

_HOMES = {
    "catalog": ("NodeCatalog",),
    "finding": ("BlueprintError", "Finding", "MissingBlueprintError", "Severity", "SourceLocation"),
    "graph": ("Graph",),
    "limits": ("DEFAULT_LIMITS", "Limits"),
    "lint": ("lint_blueprint",),
    "loading": (
        "check_blueprint_file",
        "check_blueprint_text",
        "find_blueprints",
        "load_blueprint",
        "load_blueprint_text",
        "parse_blueprint",
    ),
    "model": ("Blueprint", "EdgeSpec", "NodeSpec"),
    "run_inputs": ("bind_inputs",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "DEFAULT_LIMITS",
    "Blueprint",
    "BlueprintError",
    "EdgeSpec",
    "Finding",
    "Graph",
    "Limits",
    "MissingBlueprintError",
    "NodeCatalog",
    "NodeSpec",
    "Severity",
    "SourceLocation",
    "bind_inputs",
    "check_blueprint_file",
    "check_blueprint_text",
    "find_blueprints",
    "lint_blueprint",
    "load_blueprint",
    "load_blueprint_text",
    "parse_blueprint",
]


def __getattr__(name: str) -> Any:
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value
