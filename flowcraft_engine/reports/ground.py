"""A ground: one of the facts that an answer rests on, with the place in the blueprint and what is behind it."""

from __future__ import annotations

from dataclasses import field
from typing import Any

from flowcraft_engine.blueprint.finding import SourceLocation
from flowcraft_engine.frozen import frozen


@frozen
class Ground:
    """`kind` is a stable word for programs; `about` the instance, `run_id` its run if that is another one."""

    kind: str
    text: str
    about: str | None = None
    location: SourceLocation | None = None
    behind: tuple[Ground, ...] = field(default=())
    run_id: str | None = None

    def to_json(self) -> dict[str, Any]:
        document: dict[str, Any] = {
            "kind": self.kind,
            "text": self.text,
            "node": self.about,
            "location": location_json(self.location),
        }
        if self.run_id is not None:
            document["run_id"] = self.run_id
        if self.behind:
            document["because"] = [ground.to_json() for ground in self.behind]
        return document


def location_json(place: SourceLocation | None) -> dict[str, Any] | None:
    if place is None:
        return None
    return {"file": place.file, "line": place.line, "column": place.column}
