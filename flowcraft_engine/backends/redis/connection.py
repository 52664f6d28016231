"""Connections to a Redis server. Nothing is sent twice behind our back: whoever repeats a step knows that it may."""

from __future__ import annotations

from typing import Any

import redis
import redis.asyncio
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.retry import Retry

from flowcraft_engine.backends.redis.address import RedisAddress
from flowcraft_engine.backends.redis.failure import RedisAwayError, backend_error, redis_errors
from flowcraft_engine.backends.redis.sentinel import Sentinels
from flowcraft_engine.backends.redis.sentinel_pool import async_client, blocking_client

__all__ = ["RedisAwayError", "backend_error", "connect", "connect_blocking", "redis_errors"]

#: How long an answer may take. A blocking command must ask for less, or the connection for more.
TIMEOUT_S = 5.0
_SENTINEL_TIMEOUT_S = 1.0
_HEALTH_CHECK_S = 30
CLIENT_NAME = "flowcraft"


def connect(
    address: RedisAddress,
    *,
    client_name: str = CLIENT_NAME,
    timeout_s: float | None = TIMEOUT_S,
    connect_s: float = TIMEOUT_S,
) -> redis.asyncio.Redis:
    """A client for the event loop. Connects at the first command, within `connect_s`; never repeats one by itself."""
    options = {**_options(address, client_name, timeout_s), "retry": AsyncRetry(NoBackoff(), 0)}
    options["socket_connect_timeout"] = connect_s
    if (it := address.sentinels) is not None:
        return async_client(it, options, _of_sentinel(options, it))
    return redis.asyncio.Redis(**options)


def connect_blocking(
    address: RedisAddress, *, client_name: str = CLIENT_NAME, timeout_s: float | None = TIMEOUT_S
) -> redis.Redis:
    """A client for threads. Connects at the first command; never repeats one by itself."""
    options = {**_options(address, client_name, timeout_s), "retry": Retry(NoBackoff(), 0)}
    if (it := address.sentinels) is not None:
        return blocking_client(it, options, _of_sentinel(options, it))
    return redis.Redis(**options)


def _options(address: RedisAddress, client_name: str, timeout_s: float | None) -> dict[str, Any]:
    options: dict[str, Any] = {
        "db": address.db,
        "username": address.username,
        "password": address.password,
        "protocol": 2,  # replies of one shape, whatever redis-py defaults to
        "decode_responses": False,
        "socket_timeout": timeout_s,
        "socket_connect_timeout": TIMEOUT_S,
        "health_check_interval": _HEALTH_CHECK_S,
        "client_name": client_name,
    }
    if address.socket is not None:
        return {**options, "unix_socket_path": address.socket}
    options |= {"socket_keepalive": True, **(_tls(address) if address.tls else {})}
    if address.sentinels is not None:
        return options
    return {**options, "host": address.host, "port": address.port}


def _of_sentinel(options: dict[str, Any], it: Sentinels) -> dict[str, Any]:
    """The same for a Sentinel: it has no databases and a login of its own, and the next one is soon asked."""
    own: dict[str, Any] = {
        "username": it.username,
        "password": it.password,
        "socket_timeout": _SENTINEL_TIMEOUT_S,
        "socket_connect_timeout": _SENTINEL_TIMEOUT_S,
    }
    return {**{name: value for name, value in options.items() if name != "db"}, **own}


def _tls(address: RedisAddress) -> dict[str, Any]:
    given: dict[str, Any] = dict(address.tls_options)
    checks_certificate = given.get("ssl_cert_reqs", "required") != "none"
    given["ssl_check_hostname"] = (
        checks_certificate and given.get("ssl_check_hostname", "true").lower() == "true"
    )
    return {"ssl": True, **given}
