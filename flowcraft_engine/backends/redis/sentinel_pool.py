"""Connections to whatever server the Sentinels name. Closed, they leave no connection to a Sentinel behind."""

from __future__ import annotations

from typing import Any

import redis
import redis.asyncio
import redis.asyncio.sentinel
import redis.sentinel

from flowcraft_engine.backends.redis.sentinel import Sentinels

# What redis-py has for Sentinels is untyped.


class _AsyncPool(redis.asyncio.sentinel.SentinelConnectionPool):
    async def disconnect(self, inuse_connections: bool = True) -> None:
        await super().disconnect(inuse_connections)
        if inuse_connections:  # else the primary has changed, and others may ask for it just now
            for sentinel in self.sentinel_manager.sentinels:
                await sentinel.aclose()


class _BlockingPool(redis.sentinel.SentinelConnectionPool):
    def disconnect(self, inuse_connections: bool = True) -> None:
        super().disconnect(inuse_connections)
        if inuse_connections:
            for sentinel in self.sentinel_manager.sentinels:
                sentinel.close()


def async_client(it: Sentinels, options: dict[str, Any], of_sentinel: dict[str, Any]) -> redis.asyncio.Redis:
    asked: Any = redis.asyncio.Sentinel(it.hosts, sentinel_kwargs=of_sentinel)  # type: ignore[no-untyped-call]
    client: redis.asyncio.Redis = asked.master_for(it.service, connection_pool_class=_AsyncPool, **options)
    return client


def blocking_client(it: Sentinels, options: dict[str, Any], of_sentinel: dict[str, Any]) -> redis.Redis:
    asked: Any = redis.Sentinel(it.hosts, sentinel_kwargs=of_sentinel)  # type: ignore[no-untyped-call]
    client: redis.Redis = asked.master_for(it.service, connection_pool_class=_BlockingPool, **options)
    return client
