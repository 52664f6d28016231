"""A drawing of a run: the graph of its blueprint, coloured by what became of each node."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from flowcraft_engine.errors import BackendError, UsageError

if TYPE_CHECKING:
    from flowcraft_engine.drawing import Format, Outcome
    from flowcraft_engine.history.run_result import RunResult
    from flowcraft_engine.kernel.plan import Plan
    from flowcraft_engine.kernel.state import RunState
    from flowcraft_engine.stores.coordination_store import CoordinationStore

_FORMATS: dict[str, Format] = {
    ".svg": "svg",
    ".mmd": "mermaid",
    ".mermaid": "mermaid",
    ".dot": "dot",
    ".gv": "dot",
    ".json": "json",
    ".txt": "terminal",
}
#: The state that stands for a node with several instances: the one that needs looking at first.
_WORST = (
    "failed", "waiting", "retrying", "running", "ready", "pending",
    "poisoned", "cancelled", "completed", "skipped",
)  # fmt: skip


def format_of(file: str) -> Format:
    """The format that a file name promises. Raises `UsageError`."""
    suffix = Path(file).suffix.lower()
    if suffix not in _FORMATS:
        raise UsageError(f"{file!r}: the kind of drawing is not clear", hint=f"name it {', '.join(_FORMATS)}")
    return _FORMATS[suffix]


async def draw_run(store: CoordinationStore, run_id: str, file: str) -> str:
    """The drawing of a run as it stands."""
    from flowcraft_engine.drawing import draw
    from flowcraft_engine.history.run_view import run_result

    plan, state = await store.snapshot(run_id)
    outcomes = outcomes_of(run_result(plan, state))
    return draw(plan.blueprint, format_of(file), outcomes, taken=taken_edges(plan, state))


def outcomes_of(result: RunResult) -> dict[str, Outcome]:
    """One outcome for each node, of all its instances."""
    from flowcraft_engine.drawing import Outcome
    from flowcraft_engine.kernel.naming import InstanceName

    grouped: dict[str, list[tuple[bool, str, int, float | None]]] = {}
    for name, node in result.nodes.items():
        parsed = InstanceName.parse(name)
        if parsed is not None:
            one = (parsed.index is not None, node.state, node.attempts, node.duration_ms)
            grouped.setdefault(parsed.node_id, []).append(one)
    outcomes = {}
    for node_id, entries in grouped.items():
        whole = [entry for entry in entries if not entry[0]] or entries
        state = min((entry[1] for entry in whole), key=_WORST.index)
        durations = [entry[3] for entry in whole if entry[3] is not None]
        items = len(entries) - len(whole)
        outcomes[node_id] = Outcome(
            state,
            attempts=max(entry[2] for entry in entries),
            duration_ms=sum(durations) if durations else None,
            instances=items or len(whole),
        )
    return outcomes


def taken_edges(plan: Plan, state: RunState) -> set[tuple[str, str]]:
    """The edges that were taken at least once."""
    return {
        (source, instance.node_id)
        for instance in state.instances.values()
        for source, index in (instance.arrivals or {}).items()
        if index >= 0
    }


def write_drawing(file: str, drawing: str) -> None:
    """Write the drawing. Raises `BackendError`."""
    try:
        Path(file).write_text(drawing if drawing.endswith("\n") else drawing + "\n", encoding="utf-8")
    except OSError as error:
        raise BackendError(f"{file!r} cannot be written: {error.strerror}") from error
