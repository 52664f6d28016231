"""Blueprints: the format, reading it, checking it. Knows nothing of runs, stores or Python nodes."""

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
