"""The port of history: what happened, in order, gap-free."""

from __future__ import annotations

from typing import Protocol

from flowcraft_engine.kernel.event import Event


class HistoryStore(Protocol):
    """Every `CoordinationStore` is one: its events are its truth."""

    async def events(self, run_id: str, after: int = 0) -> list[Event]:
        """The events of a run from number `after` on. Raises `NotFoundError`."""
        ...
