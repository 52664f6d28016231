"""Runs that have ended: the last of them stay in memory, for those who look at them right away."""

from __future__ import annotations

#: So many events of them: some 30 MB of states, if outputs are small.
_KEPT_EVENTS = 20_000


class EndedRuns:
    """Knows which of the ended runs have to leave: a store that goes on for ever must not grow by each."""

    def __init__(self, kept_events: int = _KEPT_EVENTS) -> None:
        self._kept_events = kept_events
        self._sizes: dict[str, int] = {}
        self._events = 0

    def add(self, run_id: str, events: int) -> list[str]:
        """A run of so many events has ended, or was read after its end; those that have to leave. Never that one."""
        self.discard(run_id)
        self._sizes[run_id] = events
        self._events += events
        leaving: list[str] = []
        while self._events > self._kept_events and len(self._sizes) > 1:
            oldest = next(iter(self._sizes))
            self.discard(oldest)
            leaving.append(oldest)
        return leaving

    def discard(self, run_id: str) -> None:
        """It goes on, or is gone."""
        self._events -= self._sizes.pop(run_id, 0)
