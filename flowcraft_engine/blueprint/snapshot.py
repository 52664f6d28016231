"""A blueprint as plain data that can be kept and read again, with the places of its nodes."""

from __future__ import annotations

from typing import Any

from flowcraft_engine.blueprint.finding import SourceLocation
from flowcraft_engine.blueprint.model import Blueprint


def snapshot_of(blueprint: Blueprint) -> dict[str, Any]:
    """JSON values only; `folder` is where the blueprint's file was."""
    places = {name: [place.file, place.line, place.column] for name, place in blueprint.locations.items()}
    return {"blueprint": blueprint.canonical(), "locations": places, "folder": blueprint.folder}


def blueprint_from(snapshot: dict[str, Any]) -> Blueprint:
    """The blueprint of a snapshot."""
    locations = {name: SourceLocation(*place) for name, place in snapshot["locations"].items()}
    return Blueprint.model_validate(snapshot["blueprint"]).with_locations(locations, snapshot["folder"])
