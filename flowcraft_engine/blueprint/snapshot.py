"""A blueprint as it is kept with the runs that need it: its canonical form, and where its nodes stood."""

from __future__ import annotations

from typing import Any

from flowcraft_engine.blueprint.finding import SourceLocation
from flowcraft_engine.blueprint.model import Blueprint


def snapshot_of(blueprint: Blueprint) -> dict[str, Any]:
    """JSON values only."""
    places = {name: [place.file, place.line, place.column] for name, place in blueprint.locations.items()}
    return {"blueprint": blueprint.canonical(), "locations": places, "folder": blueprint.folder}


def from_snapshot(snapshot: dict[str, Any]) -> Blueprint:
    """The blueprint that `snapshot_of` was given."""
    locations = {name: SourceLocation(*place) for name, place in snapshot["locations"].items()}
    blueprint = Blueprint.model_validate(snapshot["blueprint"])
    return blueprint.with_locations(locations, snapshot["folder"])
