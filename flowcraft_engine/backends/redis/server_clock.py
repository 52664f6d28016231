"""The time of the server, as seen from here: the only clock by which leases, timers and retries are judged."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Sequence

#: Between two replies neither a busy process nor a corrected clock is off by more than this.
_JUMP_S = 5.0


class ServerClock:
    """Follows the server's clock between its replies by this machine's monotonic one.

    Steps of this machine's own clock do not matter. It never runs ahead of the server by more than a round trip.
    """

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._offset: float | None = None
        self._last_jump = -math.inf

    @property
    def is_deaf(self) -> bool:
        """True until the server has been heard."""
        return self._offset is None

    def now(self) -> float:
        """Seconds since the epoch; this machine's until the server has been heard."""
        if self._offset is None:
            return time.time()
        return self._monotonic() + self._offset

    @property
    def steady_s(self) -> float:
        """How long ago the server's clock was set forward, or this machine slept; endless if neither was seen."""
        return self._monotonic() - self._last_jump

    def hear(self, server_ms: int | bytes | str) -> None:
        """A reply has just said what time it is there."""
        here = self._monotonic()
        offset = int(server_ms) / 1000 - here
        if self._offset is not None and offset - self._offset > _JUMP_S:
            self._last_jump = here
        self._offset = offset

    def hear_time(self, reply: Sequence[bytes]) -> None:
        """The reply to TIME: seconds and microseconds."""
        self._offset = int(reply[0]) + int(reply[1]) / 1_000_000 - self._monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
