"""Blueprints of files, and those that their sub-runs may use."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from flowcraft_engine.settings import Settings

if TYPE_CHECKING:
    from flowcraft_engine.blueprint.finding import Finding
    from flowcraft_engine.blueprint.model import Blueprint
    from flowcraft_engine.nodes.registry import NodeRegistry

_SUBFLOW = "subflow"


def check_file(
    path: str | Path, settings: Settings, registry: NodeRegistry, *, will_run: bool = False
) -> tuple[Blueprint | None, list[Finding]]:
    """The blueprint of a file (`-`: stdin), None if something is an error; and all that was found.

    `will_run`: a run takes the blueprints of its subflows when it starts, so those that are not there now never are.
    """
    from flowcraft_engine.blueprint import check_blueprint_file

    return check_blueprint_file(path, catalog=registry, search=settings.blueprints, is_complete=will_run)


def child_blueprints(blueprint: Blueprint, path: str, settings: Settings) -> list[Blueprint]:
    """The blueprints that sub-runs may use; nothing is read for a blueprint without subflows."""
    if not any(node.uses == _SUBFLOW for node in blueprint.nodes):
        return []
    from flowcraft_engine.blueprint import find_blueprints

    own = [] if path == "-" else [Path(path).absolute().parent]
    found, _ = find_blueprints([*settings.blueprints, *own])
    return [child for child in found.values() if child.id != blueprint.id]
