"""Brings what nodes print and log to a watcher, out of the store of runs, whichever process they run in."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from flowcraft_cli.watching.watcher import SilentWatcher, Watcher
from flowcraft_engine.errors import NotFoundError
from flowcraft_engine.kernel import event as ev
from flowcraft_engine.kernel.event import Event
from flowcraft_engine.kernel.naming import END, node_of
from flowcraft_engine.stores.log_store import LogPart, LogStore

if TYPE_CHECKING:
    from flowcraft_engine.stores.coordination_store import CoordinationStore

#: Workers write what they have collected this often; to look more often is of no use.
_PERIOD_S = 0.25
#: How long after the end of a node its last words may still be on their way.
LATE_S = 0.4
_PAUSE_S = 0.05
#: Of many sub-runs some are asked at each look, the others at the next; and of each no more than a screen can take.
_MOST_RUNS = 32
_MOST_PARTS = 200
#: Nobody waits for what these say after their end.
_QUIET_TYPES = frozenset(
    {"noop", "set", "check", "sleep", "wait", "subflow", "loop-controller", "batch-scatter", "batch-gather"}
)


class OutputNews:
    """Reads on where it stopped. Asks nobody for a watcher that is silent, or a store that keeps no output."""

    def __init__(self, store: CoordinationStore, watcher: Watcher, level: int) -> None:
        self._runs = store
        self._logs = store if isinstance(store, LogStore) and not isinstance(watcher, SilentWatcher) else None
        self._watcher = watcher
        self._level = level
        #: The number of the last part of each run that was shown.
        self._seen: dict[str, int] = {}
        #: Runs to look at, the one that waits longest first; those that have ended are looked at once more.
        self._turns: dict[str, bool] = {}
        #: Instances whose last words may be on their way, and until when.
        self._late: dict[tuple[str, str], float] = {}
        self._next_look = 0.0

    async def skip(self, run_id: str) -> None:
        """What was written so far is not shown."""
        if self._logs is not None:
            self._seen[run_id] = await self._logs.last_log(run_id)

    def note(self, run_id: str, events: Sequence[Event]) -> None:
        """These happened: the nodes that they tell of may have said something."""
        if self._logs is None:
            return
        until = _now() + LATE_S
        for event in events:
            if event.type in (ev.NODE_COMPLETED, ev.NODE_FAILED, ev.NODE_RETRYING) and event.instance != END:
                self._late[run_id, event.instance] = until

    async def look(self, open_runs: Iterable[str], *, at_once: bool = False) -> bool:
        """Show what is new; True if there was anything. Most calls do nothing, for nothing new can be there yet."""
        now = _now()
        if self._logs is None or (now < self._next_look and not at_once):
            return False
        self._next_look = now + _PERIOD_S
        self._turns |= dict.fromkeys(open_runs, True)
        # The last words of a run come after its end.
        self._turns |= {run_id: True for run_id, _ in self._late}
        self._late = {key: until for key, until in self._late.items() if until > now}
        found = False
        for run_id in list(self._turns)[:_MOST_RUNS]:
            del self._turns[run_id]
            found = await self._look_at(self._logs, run_id) or found
        return found

    async def settle(self, open_runs: Iterable[str]) -> None:
        """Nothing moves any more: show what is still on its way, for as long as somebody may have said something."""
        if self._logs is None:
            return
        runs = list(open_runs)
        await self._forget_quiet_ones()
        while self._late:
            await self.look(runs, at_once=True)
            await asyncio.sleep(0 if self._turns else _PAUSE_S)
        await self.look(runs, at_once=True)
        while self._turns:
            await self.look((), at_once=True)

    async def _look_at(self, logs: LogStore, run_id: str) -> bool:
        after = self._seen.get(run_id, 0)
        try:
            parts = await logs.read_logs(run_id, after, limit=_MOST_PARTS)
        except NotFoundError:
            return False  # a sub-run that is about to begin
        for part in parts:
            self._show(part)
            self._seen[run_id] = part.number
        if len(parts) == _MOST_PARTS:
            self._turns[run_id] = True
        return bool(parts)

    def _show(self, part: LogPart) -> None:
        for line in part.lines:
            if logging.getLevelNamesMapping().get(line.level or "INFO", logging.INFO) >= self._level:
                self._watcher.said(part, line)
        if part.left_out:
            self._watcher.left_out(part)

    async def _forget_quiet_ones(self) -> None:
        for run_id in {run_id for run_id, _ in self._late}:
            plan, _ = await self._runs.glance(run_id)
            for key in [it for it in self._late if it[0] == run_id]:
                node = plan.nodes.get(node_of(key[1]))
                if node is None or node.uses in _QUIET_TYPES:
                    del self._late[key]


def _now() -> float:
    return asyncio.get_running_loop().time()
