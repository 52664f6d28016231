"""The port of the queue. A job is a hint: it may be lost, doubled or late, and only latency changes."""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from flowcraft_engine.frozen import frozen


@frozen
class JobPayload:
    """Somebody should look at this instance. `blueprint` (id@version) is a hint for routing."""

    run_id: str
    instance: str
    blueprint: str = ""
    version: int = 1


class JobQueue(Protocol):
    async def publish(self, jobs: Sequence[JobPayload]) -> None:
        """Hand out jobs, at least once while the queue lives. Never blocks on their execution."""
        ...


#: More jobs of one run than this are left to those who claim many in one step.
_FEW = 8


class MemoryJobQueue:
    """The queue of one process, gone with it. Belongs to one event loop.

    Runs take turns, each hands out its oldest jobs first: whoever has ten thousand holds up nobody who has one.
    """

    def __init__(self) -> None:
        #: The jobs of each run that has any; first the run whose turn it is.
        self._jobs: OrderedDict[str, deque[str]] = OrderedDict()
        self._arrived = asyncio.Event()

    def __len__(self) -> int:
        return sum(map(len, self._jobs.values()))

    async def publish(self, jobs: Sequence[JobPayload]) -> None:
        for job in jobs:
            self.put(job.run_id, (job.instance,))

    def put(self, run_id: str, instances: Iterable[str]) -> None:
        """`publish`, for those who are in this process."""
        waiting = self._jobs.get(run_id)
        if waiting is None:
            self._jobs[run_id] = deque(instances)
        else:
            waiting.extend(instances)
        self._arrived.set()

    async def wait(self) -> None:
        """Return when jobs have come, or `nudge` was called, since the last time."""
        await self._arrived.wait()
        self._arrived.clear()

    def nudge(self) -> None:
        """Let whoever waits look again, if there is anything to look at."""
        if self._jobs:
            self._arrived.set()

    def take(self, limit: int) -> dict[str, list[str]]:
        """Up to `limit` jobs, as instances by run."""
        taken: dict[str, list[str]] = {}
        while limit > 0 and self._jobs:
            run_id, waiting = self._jobs.popitem(last=False)
            taken[run_id] = [waiting.popleft() for _ in range(min(limit, len(waiting)))]
            limit -= len(taken[run_id])
            if waiting:
                self._jobs[run_id] = waiting
        return taken

    def take_of_another_run(self, run_id: str) -> tuple[str, str] | None:
        """The next job, unless it is of `run_id`, or one of many."""
        for following, waiting in self._jobs.items():
            if following == run_id or len(waiting) > _FEW:
                return None
            del self._jobs[following]
            instance = waiting.popleft()
            if waiting:
                self._jobs[following] = waiting
            return following, instance
        return None

    def has_others_than(self, run_id: str) -> bool:
        """True if jobs of another run wait, too."""
        return len(self._jobs) > (run_id in self._jobs)

    def few_jobs_of(self, run_id: str) -> Iterable[str]:
        """Takes a job of that run, though it is not its turn, each time that one is asked for.

        Nothing, if the run has many, or is the only one: the pump claims many in one step.
        """
        waiting = self._jobs.get(run_id)
        if waiting is None or len(waiting) > _FEW or len(self._jobs) == 1:
            return ()
        return self._hand_out(run_id)

    def _hand_out(self, run_id: str) -> Iterator[str]:
        while waiting := self._jobs.get(run_id):
            instance = waiting.popleft()
            if not waiting:
                del self._jobs[run_id]
            yield instance
