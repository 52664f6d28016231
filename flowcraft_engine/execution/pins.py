"""Which blueprints a run may start, fixed when it begins."""

from __future__ import annotations

from collections.abc import Mapping

from flowcraft_engine.blueprint.model import Blueprint
from flowcraft_engine.kernel.compile import SUBFLOW


def reachable_blueprints(blueprint: Blueprint, known: Mapping[str, Blueprint]) -> dict[str, Blueprint]:
    """The blueprints that sub-runs of `blueprint` may use, at any depth; all known ones if an id is computed."""
    found: dict[str, Blueprint] = {}
    todo = [blueprint]
    while todo:
        for node in todo.pop().nodes:
            if node.uses != SUBFLOW:
                continue
            name = node.params.get("blueprint_id")
            if isinstance(name, str) and "${{" in name:
                return dict(known)
            child = known.get(str(name))
            if child is not None and child.id not in found:
                found[child.id] = child
                todo.append(child)
    return found
