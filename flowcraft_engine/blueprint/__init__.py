"""Blueprints: the format, reading it, checking it. Knows nothing of runs, stores or Python nodes."""

from flowcraft_engine.blueprint.catalog import NodeCatalog
from flowcraft_engine.blueprint.collection import find_blueprints
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
    load_blueprint,
    load_blueprint_text,
    parse_blueprint,
)
from flowcraft_engine.blueprint.model import Blueprint, EdgeSpec, NodeSpec

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
    "check_blueprint_file",
    "find_blueprints",
    "lint_blueprint",
    "load_blueprint",
    "load_blueprint_text",
    "parse_blueprint",
]
