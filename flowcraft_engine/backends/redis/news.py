"""Waits for new entries of journals, on a connection of its own that may block."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from flowcraft_engine.backends.redis.address import RedisAddress
from flowcraft_engine.backends.redis.cancellation import cancellable
from flowcraft_engine.backends.redis.connection import connect

#: Shorter than what a silent connection is given up after.
_LONGEST_BLOCK_S = 2.0
_PAUSE_S = 0.2


class News:
    """A hint that something was appended: whoever waits looks at the journals afterwards, in any case."""

    def __init__(self, address: RedisAddress) -> None:
        self._address = address
        self._client: Redis | None = None

    async def wait(self, streams: Mapping[str, str], timeout_s: float) -> None:
        """Return when one of `streams` has an entry after the given id, or after `timeout_s` at the latest."""
        if not streams:
            await asyncio.sleep(min(timeout_s, _PAUSE_S))
            return
        if self._client is None:
            self._client = connect(self._address)
        block_ms = max(1, int(min(timeout_s, _LONGEST_BLOCK_S) * 1000))
        try:
            wanted: dict[Any, Any] = dict(streams)
            await cancellable(self._client.xread(wanted, count=1, block=block_ms))
        except (RedisError, OSError):
            # Whoever waits finds out by itself that the server is away, and for how long.
            await asyncio.sleep(min(timeout_s, _PAUSE_S))

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()
            self._client = None
