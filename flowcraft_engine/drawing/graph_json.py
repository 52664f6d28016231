"""JSON: the view with its places, for other programs that draw."""

from __future__ import annotations

import json

from flowcraft_engine.drawing.graph_view import Box, GraphView
from flowcraft_engine.drawing.layout import Direction, Place, Route
from flowcraft_engine.drawing.outcome import Outcomes
from flowcraft_engine.drawing.svg import plan_cards
from flowcraft_engine.drawing.taken import Edge, is_faded
from flowcraft_engine.values import JsonValue


def draw_json(
    view: GraphView,
    outcomes: Outcomes | None = None,
    taken: frozenset[Edge] | None = None,
    direction: Direction = "TB",
) -> str:
    """Nodes and arrows with their places in the SVG. Ids are the real ones, titles are safe to show."""
    _, layout = plan_cards(view, outcomes, direction)
    document: dict[str, JsonValue] = {
        "id": view.id,
        "title": view.title,
        "direction": direction,
        "width": round(layout.width, 1),
        "height": round(layout.height, 1),
        "nodes": [_node(box, layout.places[box.id], outcomes) for box in view.boxes],
        "arrows": [
            {
                "source": arrow.source,
                "target": arrow.target,
                "kind": arrow.kind,
                "label": arrow.label,
                **({} if taken is None else {"taken": not is_faded(arrow, taken, outcomes)}),
                **_way(route),
            }
            for arrow, route in zip(view.arrows, layout.routes, strict=True)
        ],
        "loops": [
            {"controller": cluster.controller, "end": cluster.end, "members": [*sorted(cluster.members)]}
            for cluster in view.clusters
        ],
    }
    return json.dumps(document, ensure_ascii=True, indent=2) + "\n"


def _node(box: Box, place: Place, outcomes: Outcomes | None) -> dict[str, JsonValue]:
    node: dict[str, JsonValue] = {
        "id": box.id,
        "title": box.title,
        "uses": box.uses,
        "kind": box.kind,
        "notes": [*box.notes],
        "x": round(place.x, 1),
        "y": round(place.y, 1),
        "width": round(place.width, 1),
        "height": round(place.height, 1),
        "layer": place.layer,
    }
    outcome = outcomes.get(box.id) if outcomes else None
    if outcome:
        node["outcome"] = {
            "state": outcome.state,
            "attempts": outcome.attempts,
            "duration_ms": outcome.duration_ms,
            "instances": outcome.instances,
        }
    return node


def _way(route: Route) -> dict[str, JsonValue]:
    way: dict[str, JsonValue] = {"points": [[round(x, 1), round(y, 1)] for x, y in route.points]}
    if route.label_at:
        way["label_at"] = [round(at, 1) for at in route.label_at]
    return way
