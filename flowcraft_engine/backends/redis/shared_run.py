"""A run as this process knows it: the fold of what it has read and written so far."""

from __future__ import annotations

import asyncio
from typing import Any

from flowcraft_engine.kernel.event import Event
from flowcraft_engine.kernel.fold import extend
from flowcraft_engine.kernel.plan import Plan
from flowcraft_engine.kernel.undo import UndoableState
from flowcraft_engine.stores.coordination_store import RunFacts
from flowcraft_engine.stores.steps import Step

PendingStep = tuple[Step[Any], "asyncio.Future[Any]"]


class SharedRun:
    """Its state may be behind: a step that appends finds out, one that does not must look first."""

    __slots__ = (
        "_readers",
        "facts",
        "has_kept",
        "is_ahead",
        "is_writing",
        "last_append",
        "pending",
        "plan",
        "queue",
        "state",
        "undo",
    )

    def __init__(self, plan: Plan, run_id: str, queue: str) -> None:
        self.plan = plan
        self.queue = queue
        self.undo = UndoableState(run_id)
        self.state = self.undo.state
        #: The id of the append that the journal ended with, as far as it is known here.
        self.last_append = b""
        #: True if some value of this run is kept elsewhere, so that a `KeptValue` may stand in the state.
        self.has_kept = False
        #: Steps that wait for the append that is under way.
        self.pending: list[PendingStep] = []
        #: True while somebody sees to the pending steps.
        self.is_writing = False
        #: True while steps are applied to the state that Redis has not confirmed.
        self.is_ahead = False
        self.facts: RunFacts | None = None
        self._readers: list[asyncio.Future[None]] = []

    def extend(self, events: list[Event]) -> None:
        """Take in what others have appended."""
        extend(self.plan, self.state, events)

    def reset(self) -> None:
        """Know nothing of the run any more: its journal is not the one that was read here."""
        self.undo = UndoableState(self.state.run_id)
        self.state = self.undo.state
        self.last_append = b""
        self.facts = None

    async def settled(self) -> None:
        """Return when the state holds nothing that may have to be taken back."""
        while self.is_ahead:
            reader = asyncio.get_running_loop().create_future()
            self._readers.append(reader)
            await reader

    @property
    def has_readers(self) -> bool:
        """True if somebody waits for the state to be `settled`."""
        return bool(self._readers)

    async def let_readers_look(self) -> None:
        """Called between two appends: readers must not wait for as long as there is something to write."""
        if self._readers:
            readers, self._readers = self._readers, []
            for reader in readers:
                if not reader.done():
                    reader.set_result(None)
            await asyncio.sleep(0)
