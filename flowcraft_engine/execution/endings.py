"""Tells of the end of runs: whatever among the middleware has a `run_ended` hears the whole history of each, once."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol, runtime_checkable

from flowcraft_engine.errors import FlowcraftError
from flowcraft_engine.kernel import event as ev
from flowcraft_engine.kernel.event import Event
from flowcraft_engine.nodes.handler import Middleware
from flowcraft_engine.stores.coordination_store import CoordinationStore

_log = logging.getLogger("flowcraft.worker")
#: Ends that this process remembers to have told.
_REMEMBERED: Final = 1_000


@runtime_checkable
class HearsEnds(Protocol):
    def run_ended(self, run_id: str, events: Sequence[Event]) -> None:
        """A run has ended, perhaps not for the first time (`retry`): its history up to there. Must not wait."""
        ...


class Endings:
    """`is_first` asks the fleet whether nobody else has told of this end, of that generation.

    At most once: a process that dies right after the end of a run leaves it untold.
    """

    def __init__(
        self,
        store: CoordinationStore,
        middleware: Sequence[Middleware],
        is_first: Callable[[str, int], Awaitable[bool]] | None = None,
    ) -> None:
        self._store = store
        objects: Sequence[object] = middleware
        self._listeners = [it for it in objects if isinstance(it, HearsEnds)]
        self._is_first = is_first
        self._told: deque[tuple[str, int]] = deque(maxlen=_REMEMBERED)

    @property
    def are_heard(self) -> bool:
        return bool(self._listeners)

    async def tell(self, run_id: str) -> None:
        """Tell of the end of a run, and of those before it, as far as that was not done."""
        try:
            events = await self._store.events(run_id)
            ends = [place for place, event in enumerate(events, start=1) if event.type == ev.RUN_FINISHED]
            for generation, place in enumerate(ends, start=1):
                if await self._is_new(run_id, generation):
                    self._tell(run_id, events[:place])
        except FlowcraftError as error:  # retired, or out of reach: nothing depends on what is told
            _log.debug("the end of run %s is not told: %s", run_id, error)
        except Exception:
            # A journal that cannot be read, whatever is wrong with it, concerns its own run only.
            _log.exception("the end of run %s could not be told", run_id)

    async def _is_new(self, run_id: str, generation: int) -> bool:
        if (run_id, generation) in self._told:
            return False
        self._told.append((run_id, generation))
        return self._is_first is None or await self._is_first(run_id, generation)

    def _tell(self, run_id: str, events: Sequence[Event]) -> None:
        for listener in self._listeners:
            try:
                listener.run_ended(run_id, events)
            except Exception:
                # Code of somebody else; the run has ended, whatever goes wrong in telling of it.
                _log.exception("the end of run %s could not be told", run_id)
