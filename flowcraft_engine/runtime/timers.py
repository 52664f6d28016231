"""The due times of a process's runs, and one task that waits for the next of them."""

from __future__ import annotations

import asyncio
import heapq
from collections import defaultdict
from collections.abc import Awaitable, Callable

from flowcraft_engine.clock import Clock
from flowcraft_engine.task import new_task

#: Told the run and the instances whose time has come; "" stands for the run's own deadline.
OnDue = Callable[[str, list[str]], Awaitable[None]]


class Timers:
    """A heap of hints: what is due is checked against the state by whoever is told."""

    def __init__(self, clock: Clock, on_due: OnDue) -> None:
        self._clock = clock
        self._on_due = on_due
        self._heap: list[tuple[float, str, str]] = []
        self._task: asyncio.Task[None] | None = None
        self._waits_for = float("inf")
        self._is_stopped = False

    def add(self, due: float, run_id: str, instance: str) -> None:
        """Wake `instance` at `due`, seconds since the epoch."""
        heapq.heappush(self._heap, (due, run_id, instance))
        if due < self._waits_for and not self._is_stopped:
            self._restart()

    def stop(self) -> None:
        """Wake nobody any more."""
        self._is_stopped = True
        self._end_task()

    def _end_task(self) -> None:
        if self._task is not None:
            self._task.cancel()
            self._task = None

    def _restart(self) -> None:
        self._end_task()
        self._waits_for = self._heap[0][0]
        self._task = new_task(self._wait())

    async def _wait(self) -> None:
        while self._heap:
            self._waits_for = self._heap[0][0]
            delay = self._waits_for - self._clock.now()
            if delay > 0:
                await self._clock.sleep(delay)
                continue
            due: defaultdict[str, list[str]] = defaultdict(list)
            now = self._clock.now()
            while self._heap and self._heap[0][0] <= now:
                _, run_id, instance = heapq.heappop(self._heap)
                due[run_id].append(instance)
            # What is added from here on must not stop this task before it has told everybody.
            self._waits_for = float("-inf")
            for run_id, instances in due.items():
                await self._on_due(run_id, instances)
        self._waits_for = float("inf")
        self._task = None
