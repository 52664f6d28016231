"""What a consumer says, and how long it waits, while Redis does not answer."""

from __future__ import annotations

import logging
import time
from typing import Final

from redis.exceptions import RedisError

from flowcraft_engine.backends.redis.address import RedisAddress
from flowcraft_engine.backends.redis.connection import backend_error

_SHORTEST_S: Final = 0.025
_LONGEST_S: Final = 1.0

_log = logging.getLogger("flowcraft.queue")


class Outage:
    """Said once when the second try fails, for a cut connection is no outage, and once when it is over."""

    def __init__(self, queue: str, address: RedisAddress) -> None:
        self._queue = queue
        self._address = address
        self._failures = 0
        self._since = 0.0

    def failed(self, error: RedisError) -> None:
        self._failures += 1
        if self._failures == 1:
            self._since = time.monotonic()
        elif self._failures == 2:
            reason = backend_error(self._address, error).message
            _log.warning("Queue %r: %s; waiting until it is back", self._queue, reason)

    def ended(self) -> None:
        if self._failures > 1:
            _log.warning("Queue %r: Redis is back after %.1f s", self._queue, time.monotonic() - self._since)
        self._failures = 0

    def pause_s(self) -> float:
        """How long to wait before the next try: longer each time, a second at most."""
        return min(_LONGEST_S, _SHORTEST_S * 2.0 ** min(self._failures, 10))
