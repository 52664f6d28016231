"""The client of a consumer's threads. It never repeats a command by itself: a repeat is a duplicate."""

from __future__ import annotations

from typing import Final

import redis

from flowcraft_engine.backends.redis.address import RedisAddress
from flowcraft_engine.backends.redis.connection import connect_blocking

SOCKET_TIMEOUT_S: Final = 5.0


def blocking_client(address: str) -> redis.Redis:
    """For the threads of a consumer; each takes a connection of its own."""
    return connect_blocking(RedisAddress.parse(address), timeout_s=SOCKET_TIMEOUT_S)
