"""What a consumer says, and how long it waits, while Redis does not answer."""

from __future__ import annotations

import logging
import time
from typing import Final

_SHORTEST_S: Final = 0.05
_LONGEST_S: Final = 1.0

_log = logging.getLogger("flowcraft.queue")


class Outage:
    """Said once when it begins and once when it is over."""

    def __init__(self, queue: str) -> None:
        self._queue = queue
        self._since: float | None = None
        self._pause_s = _SHORTEST_S

    def began(self, error: Exception) -> None:
        if self._since is None:
            self._since = time.monotonic()
            reason = str(error) or type(error).__name__
            _log.warning("Queue %r: Redis does not answer (%s). Waiting until it is back.", self._queue, reason)

    def ended(self) -> None:
        if self._since is not None:
            _log.warning("Queue %r: Redis is back after %.1f s.", self._queue, time.monotonic() - self._since)
            self._since = None
            self._pause_s = _SHORTEST_S

    def pause_s(self) -> float:
        """How long to wait before the next try: longer each time, a second at most."""
        pause = self._pause_s
        self._pause_s = min(_LONGEST_S, pause * 2)
        return pause
