"""What a worker can execute: its node types, and the blueprints that it has on disk."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from flowcraft_cli.working.order import WorkOrder
from flowcraft_engine.blueprint import Blueprint
from flowcraft_engine.blueprint.fixed_names import versioned_name
from flowcraft_engine.errors import NotFoundError, UsageError
from flowcraft_engine.frozen import frozen

if TYPE_CHECKING:
    from flowcraft_engine.blueprint.finding import Finding
    from flowcraft_engine.nodes.registry import NodeRegistry


@frozen
class Equipment:
    """`missing` are the node types that its blueprints use and that only other workers can have.

    `unknown` are the places where they are used, by file, if there are no other workers.
    """

    registry: NodeRegistry
    blueprints: tuple[Blueprint, ...]
    #: What was found in files that cannot be served, by file.
    broken: dict[str, list[Finding]]
    missing: tuple[str, ...]
    unknown: dict[str, list[Finding]]


def equip(order: WorkOrder) -> Equipment:
    """Import the nodes and read the blueprints. Raises `NotFoundError` for a path that is not there."""
    from flowcraft_engine.assembly.nodes import make_registry, shell_environment

    environment = shell_environment(order.worker, os.environ)
    registry = make_registry(order.settings, shell_environment=environment)
    blueprints, broken = _read(order)
    used = {node.uses for blueprint in blueprints for node in blueprint.nodes if node.loop is None}
    missing = tuple(sorted(name for name in used if name and name not in registry))
    unknown = _unknown(order, registry) if missing and order.is_alone else {}
    return Equipment(registry, tuple(blueprints), broken, missing, unknown)


def _read(order: WorkOrder) -> tuple[list[Blueprint], dict[str, list[Finding]]]:
    # Params are checked where a run starts; node types that are not here may be on other workers.
    from flowcraft_engine.blueprint import check_blueprint_file

    found: dict[tuple[str, str | None], tuple[Path, Blueprint]] = {}
    broken: dict[str, list[Finding]] = {}
    for path in _files(order):
        blueprint, findings = check_blueprint_file(path, search=order.settings.blueprints)
        if blueprint is None:
            broken[str(path)] = findings
            continue
        name = blueprint.id, blueprint.version
        other = found.setdefault(name, (path, blueprint))
        if other[0] != path and other[1] != blueprint:
            raise UsageError(
                f"{other[0]} and {path} are both {versioned_name(*name)}, and differ",
                hint="give one of them another metadata.version",
            )
    return [blueprint for _, blueprint in found.values()], broken


def _unknown(order: WorkOrder, registry: NodeRegistry) -> dict[str, list[Finding]]:
    """The nodes whose type is not here, by file."""
    from flowcraft_engine.blueprint import check_blueprint_file

    found: dict[str, list[Finding]] = {}
    for path in _files(order):
        _, findings = check_blueprint_file(path, catalog=registry, search=order.settings.blueprints)
        told = [finding for finding in findings if finding.code == "unknown_node_type"]
        if told:
            found[str(path)] = told
    return found


def _files(order: WorkOrder) -> list[Path]:
    from flowcraft_engine.blueprint.collection import blueprint_files

    return list(dict.fromkeys(blueprint_files(_existing([*order.paths, *order.settings.blueprints]))))


def _existing(paths: Sequence[Path]) -> list[Path]:
    for path in paths:
        if not path.exists():
            raise NotFoundError(f"there is no file or folder {str(path)!r}")
    return [path.resolve() for path in paths]
