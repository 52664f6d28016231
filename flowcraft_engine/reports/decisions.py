"""What was decided when nodes ended: their action, the edges that were taken, and what conditions have read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flowcraft_engine.expressions import observation_text
from flowcraft_engine.frozen import frozen
from flowcraft_engine.kernel import event as ev
from flowcraft_engine.kernel.event import Event


@frozen
class Decision:
    """How an instance routed. `taken` is None if it had nothing to decide: all its edges were taken."""

    action: str | None
    taken: frozenset[int] | None
    #: Edge index, or `loop` for the condition of a controller → what was recorded about it.
    why: Mapping[str, Any] = field(default_factory=dict)
    #: The recorded rule, where the node did not simply return.
    rule: str | None = None


@dataclass(slots=True)
class Decisions:
    """The decisions of a run: of each completed instance, and of each pass that a loop controller began."""

    completed: dict[str, Decision] = field(default_factory=dict)
    passes: dict[tuple[str, int], Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def of(cls, events: Iterable[Event]) -> Decisions:
        found = cls()
        for event in events:
            data = event.data
            if event.type == ev.NODE_COMPLETED:
                taken = data.get("taken")
                found.completed[event.instance] = Decision(
                    data.get("action"),
                    None if taken is None else frozenset(taken),
                    data.get("why") or {},
                    event.reason["rule"] if isinstance(event.reason, dict) else None,
                )
            elif event.type == ev.LOOP_CONTINUED:
                found.passes[event.instance, data["iteration"]] = data.get("why") or {}
        return found


def condition_text(why: Mapping[str, Any], *, holds: str = "holds", fails: str = "does not hold") -> str:
    """`count > 0` holds (count = 3)."""
    verdict = holds if why.get("holds") else fails
    read = observation_text(why.get("values") or {}, why.get("large") or {})
    return f"`{why.get('text')}` {verdict}" + (f" ({read})" if read else "")
