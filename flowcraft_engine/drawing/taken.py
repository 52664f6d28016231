"""Which arrows of a finished or running run were not gone along; drawings let them fade."""

from __future__ import annotations

from flowcraft_engine.drawing.graph_view import Arrow
from flowcraft_engine.drawing.outcome import Outcomes

#: The source and the target of an edge.
Edge = tuple[str, str]

_NOT_USED = ("pending", "skipped")


def is_faded(arrow: Arrow, taken: frozenset[Edge] | None, outcomes: Outcomes | None) -> bool:
    """True if it is known that the arrow was not taken. A fallback's is taken when the fallback was used."""
    if taken is None or (arrow.source, arrow.target) in taken:
        return False
    if arrow.kind == "fallback" and outcomes and arrow.target in outcomes:
        return outcomes[arrow.target].state in _NOT_USED
    return True
