"""A run as a drawing shows it: one outcome for each node, of all its instances, and the edges that were taken."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from flowcraft_engine.drawing import Format, Outcome, draw
from flowcraft_engine.drawing.layout import Direction
from flowcraft_engine.history.run_result import NodeRun, RunResult
from flowcraft_engine.kernel.naming import InstanceName
from flowcraft_engine.kernel.state import RunState
from flowcraft_engine.reports.dossier import Dossier

#: The state that stands for a node with several instances: the one that needs looking at first.
_WORST: Final = (
    "failed", "waiting", "retrying", "running", "ready", "pending",
    "poisoned", "cancelled", "completed", "skipped",
)  # fmt: skip


def draw_dossier(dossier: Dossier, format: Format, direction: Direction = "TB") -> str:
    """The graph of the blueprint, coloured by what became of each node."""
    taken = taken_edges(dossier.state)
    outcomes = outcomes_of(dossier.result)
    return draw(dossier.plan.blueprint, format, outcomes, taken=taken, direction=direction)


def outcomes_of(result: RunResult) -> dict[str, Outcome]:
    """One outcome for each node, of all its instances."""
    grouped: dict[str, list[tuple[bool, NodeRun]]] = {}
    for name, node in result.nodes.items():
        parsed = InstanceName.parse(name)
        if parsed is not None:
            grouped.setdefault(parsed.node_id, []).append((parsed.index is not None, node))
    return {node_id: _outcome(entries) for node_id, entries in grouped.items()}


def _outcome(entries: list[tuple[bool, NodeRun]]) -> Outcome:
    whole = [node for is_item, node in entries if not is_item] or [node for _, node in entries]
    durations = [node.duration_ms for node in whole if node.duration_ms is not None]
    return Outcome(
        worst_state(node.state for node in whole),
        attempts=max(node.attempts for _, node in entries),
        duration_ms=sum(durations) if durations else None,
        instances=(len(entries) - len(whole)) or len(whole),
    )


def worst_state(states: Iterable[str]) -> str:
    """The state that needs looking at first."""
    return min(states, key=lambda state: _WORST.index(state) if state in _WORST else 0)


def taken_edges(state: RunState) -> set[tuple[str, str]]:
    """The edges that were taken at least once."""
    return {
        (source, instance.node_id)
        for instance in state.instances.values()
        for source, index in (instance.arrivals or {}).items()
        if index >= 0
    }
