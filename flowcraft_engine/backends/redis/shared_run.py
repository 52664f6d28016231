"""A run as this process knows it: the fold of what it has read and written so far."""

from __future__ import annotations

import asyncio
from typing import Any

from flowcraft_engine.kernel.event import MICROSECONDS, Event
from flowcraft_engine.kernel.fold import extend
from flowcraft_engine.kernel.plan import Plan
from flowcraft_engine.kernel.undo import UndoableState
from flowcraft_engine.stores.coordination_store import RunFacts
from flowcraft_engine.stores.steps import Step

#: By how many microseconds the server's time, as processes know it, may differ from one to the other.
_UNSURE = MICROSECONDS // 2

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
        "last_at",
        "pending",
        "plan",
        "position",
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
        #: Where in the journal that is; the state may be ahead.
        self.position = 0
        #: When the last known event happened, in microseconds.
        self.last_at = 0
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
        self.note_time(events)

    def note_time(self, events: list[Event]) -> None:
        """These have been appended."""
        if events:
            self.last_at = events[-1].at

    def not_before(self, now: float) -> float:
        """`now`, or when the last event happened, if it lies a little ahead: the journal does not go back in time.

        Each process knows the server's clock to a few milliseconds. A clock that was set back is another matter:
        times follow it.
        """
        late = self.last_at - int(now * MICROSECONDS)
        # One more, for what a float loses.
        return (self.last_at + 1) / MICROSECONDS if 0 < late < _UNSURE else now

    def confirm(self, append_id: bytes) -> None:
        """The journal ends where the state stands now, with this append."""
        self.last_append = append_id
        self.position = self.state.seq

    def reset(self) -> None:
        """Know nothing of the run any more: its journal is not the one that was read here."""
        self.undo = UndoableState(self.state.run_id)
        self.state = self.undo.state
        self.last_append = b""
        self.position = 0
        self.last_at = 0
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
