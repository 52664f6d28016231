"""Clients of the broker's database. They never repeat a command by themselves: a repeat is a duplicate."""

from __future__ import annotations

from typing import Any, Final

import redis
import redis.asyncio
from redis.backoff import NoBackoff
from redis.retry import Retry

CONNECT_TIMEOUT_S: Final = 2.0
SOCKET_TIMEOUT_S: Final = 5.0

_COMMON: Final[dict[str, Any]] = {
    "socket_connect_timeout": CONNECT_TIMEOUT_S,
    "socket_timeout": SOCKET_TIMEOUT_S,
    "socket_keepalive": True,
    "decode_responses": False,
    "retry_on_error": [],
    # The older protocol: the newer one brings nothing here, and its handshake asks for notices of maintenance.
    "protocol": 2,
}


def blocking_client(address: str) -> redis.Redis:
    """For the threads of a consumer; each takes a connection of its own."""
    return redis.Redis.from_url(address, retry=Retry(NoBackoff(), 0), **_COMMON)


def async_client(address: str) -> redis.asyncio.Redis:
    """For the event loop of whoever publishes."""
    from redis.asyncio.retry import Retry as AsyncRetry

    return redis.asyncio.Redis.from_url(address, retry=AsyncRetry(NoBackoff(), 0), **_COMMON)
