"""The time of the server, as seen from here: the only clock by which leases, timers and retries are judged."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence


class ServerClock:
    """Follows the server's clock between its replies by this machine's monotonic one.

    Steps of this machine's own clock do not matter. It never runs ahead of the server by more than a round trip.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._offset: float | None = None

    @property
    def is_deaf(self) -> bool:
        """True until the server has been heard."""
        return self._offset is None

    def now(self) -> float:
        """Seconds since the epoch; this machine's until the server has been heard."""
        if self._offset is None:
            return time.time()
        return self._monotonic() + self._offset

    def hear(self, server_ms: int | bytes | str) -> None:
        """A reply has just said what time it is there."""
        self._offset = int(server_ms) / 1000 - self._monotonic()

    def hear_time(self, reply: Sequence[bytes]) -> None:
        """The reply to TIME: seconds and microseconds."""
        self._offset = int(reply[0]) + int(reply[1]) / 1_000_000 - self._monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
