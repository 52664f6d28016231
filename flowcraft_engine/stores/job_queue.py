"""The port of the queue. A job is a hint: it may be lost, doubled or late, and only latency changes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
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
