"""Which runs a command about many of them means: by status, blueprint and age."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from flowcraft_engine.errors import UsageError
from flowcraft_engine.frozen import frozen

if TYPE_CHECKING:
    from flowcraft_engine.stores.coordination_store import CoordinationStore, RunSummary

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

    def includes(self, run: RunSummary, now: float) -> bool:
        if run.parent_run_id is not None or run.status not in self.statuses:
            return False
        if self.blueprint is not None and run.blueprint_id != self.blueprint:
            return False
        if self.since_s is not None and run.created_at < now - self.since_s:
            return False
        return self.older_s is None or (run.finished_at is not None and run.finished_at <= now - self.older_s)


async def select(store: CoordinationStore, selection: Selection) -> list[RunSummary]:
    """The selected runs, the newest first."""
    import time

    status = selection.statuses[0] if len(selection.statuses) == 1 else None
    now = time.time()
    return [run for run in await store.list_runs(limit=_MOST, status=status) if selection.includes(run, now)]


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
