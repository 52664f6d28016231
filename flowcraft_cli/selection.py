"""Which runs a command about many of them means: by status, blueprint and age."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from flowcraft_engine.errors import UsageError
from flowcraft_engine.frozen import frozen

if TYPE_CHECKING:
    from flowcraft_engine.stores.coordination_store import CoordinationStore, RunQuery, RunSummary

ENDED = ("completed", "failed", "cancelled")
_MOST = 1_000_000


@frozen
class Selection:
    """Runs that have ended; sub-runs belong to their run."""

    statuses: Sequence[str] = ENDED
    blueprint: str | None = None
    #: Only runs that began within this time.
    since_s: float | None = None
    #: Only runs that ended before this time.
    older_s: float | None = None

    def query(self, now: float) -> RunQuery:
        """What the store can look for."""
        from flowcraft_engine.stores.coordination_store import RunQuery

        status = self.statuses[0] if len(self.statuses) == 1 else None
        return RunQuery(_MOST, status, self.blueprint, None if self.since_s is None else now - self.since_s)

    def includes(self, run: RunSummary, now: float) -> bool:
        """Whether a run that the store has found is meant."""
        if run.status not in self.statuses:
            return False
        return self.older_s is None or (run.finished_at is not None and run.finished_at <= now - self.older_s)


async def select(store: CoordinationStore, selection: Selection) -> list[RunSummary]:
    """The selected runs, the newest first."""
    import time

    now = time.time()
    return [run for run in await store.find_runs(selection.query(now)) if selection.includes(run, now)]


def read_statuses(
    values: Sequence[str] | None, source: str, allowed: Sequence[str] = ENDED
) -> tuple[str, ...]:
    """The values of `--status`, checked; all allowed ones if there is none."""
    for value in values or ():
        if value not in allowed:
            near = difflib.get_close_matches(value, allowed, n=1)
            hint = f"did you mean {near[0]}?" if near else f"one of: {', '.join(allowed)}"
            raise UsageError(f"{source}: there are no runs of status {value!r} for this", hint=hint)
    return tuple(values or allowed)
