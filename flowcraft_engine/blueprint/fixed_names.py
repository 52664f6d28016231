"""Names that are the same everywhere: of a node type, of actions, of places, of blueprints. Costs nothing to import."""

from __future__ import annotations

LOOP_CONTROLLER = "loop-controller"
#: The actions of a loop controller.
CONTINUE = "continue"
BREAK = "break"


def output_place(name: str) -> str:
    """The key of a declared output in `Blueprint.locations`; no node can be called so."""
    return f"outputs:{name}"


def edge_key(index: int) -> str:
    """The name of an edge among the locations; no node can have it, for ids have no colon."""
    return f"edge:{index}"


def versioned_name(blueprint_id: str, version: str | None) -> str:
    """What people call a blueprint: `payment@1.2.0`, or its id alone where it has no version."""
    return blueprint_id if version is None else f"{blueprint_id}@{version}"
