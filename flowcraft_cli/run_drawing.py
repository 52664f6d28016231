"""A drawing of a run: the graph of its blueprint, coloured by what became of each node."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from flowcraft_engine.errors import BackendError, UsageError

if TYPE_CHECKING:
    from flowcraft_engine.drawing import Format
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
    from flowcraft_engine.reports.outcomes import outcomes_of, taken_edges

    plan, state = await store.snapshot(run_id)
    outcomes = outcomes_of(run_result(plan, state))
    return draw(plan.blueprint, format_of(file), outcomes, taken=taken_edges(state))


def write_drawing(file: str, drawing: str) -> None:
    """Write the drawing. Raises `BackendError`."""
    try:
        Path(file).write_text(drawing if drawing.endswith("\n") else drawing + "\n", encoding="utf-8")
    except OSError as error:
        raise BackendError(f"{file!r} cannot be written: {error.strerror}") from error
