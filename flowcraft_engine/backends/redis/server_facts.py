"""What a Redis server says about itself: INFO, TIME, and CONFIG where it is allowed."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping

import redis
import redis.asyncio

from flowcraft_engine.backends.redis.address import RedisAddress
from flowcraft_engine.backends.redis.connection import connect
from flowcraft_engine.backends.redis.failure import redis_errors
from flowcraft_engine.frozen import frozen

Version = tuple[int, ...]
_SETTINGS = ("appendfsync", "save", "min-replicas-to-write")
_SAVING = ("aof_last_write_status", "aof_last_bgrewrite_status", "rdb_last_bgsave_status")


@frozen
class ServerFacts:
    """A server as it was found. None: it did not say, since the command is forbidden or the field unknown."""

    #: `Redis` or `Valkey`, and the version of that program.
    product: str
    version: Version
    #: The version of Redis that it is compatible with.
    redis_version: Version
    #: Different for every start of every server.
    run_id: str
    is_cluster: bool
    is_sentinel: bool
    is_replica: bool
    replicas: int
    #: How many more have to be connected before the server takes writes.
    missing_replicas: int
    has_aof: bool | None
    #: `always`, `everysec` or `no`.
    fsync: str | None
    has_snapshots: bool | None
    last_write_failed: bool
    eviction: str | None
    used_memory: int
    max_memory: int
    #: How far the server's clock is ahead of ours, and how exactly that is known.
    clock_ahead_s: float
    clock_error_s: float

    @property
    def name(self) -> str:
        return f"{self.product} {'.'.join(map(str, self.version))}"


async def read_facts(address: RedisAddress, *, wall_clock: Callable[[], float] = time.time) -> ServerFacts:
    """Ask the server. Raises `BackendError` if it cannot be reached, or forbids INFO."""
    client = connect(address)
    try:
        with redis_errors(address):
            info = await client.info()
            settings = await _settings(client)
            before = wall_clock()
            seconds, microseconds = await client.time()
            after = wall_clock()
    finally:
        await client.aclose()
    half = (after - before) / 2
    return _facts(info, settings, seconds + microseconds / 1e6 - (before + half), half)


async def _settings(client: redis.asyncio.Redis) -> Mapping[str, str]:
    """Of the configuration what INFO does not have; empty where CONFIG is forbidden, as at most providers."""
    found: dict[str, str] = {}
    for name in _SETTINGS:
        try:
            found |= {str(key): str(value) for key, value in (await client.config_get(name)).items()}
        except redis.ResponseError:
            return {}
    return found


def _facts(
    info: Mapping[str, object], settings: Mapping[str, str], clock_ahead_s: float, clock_error_s: float
) -> ServerFacts:
    def number(name: str) -> int:
        value = info.get(name)
        return value if isinstance(value, int) else 0

    is_valkey = "valkey_version" in info
    saving = [info.get(name) for name in _SAVING]
    mode = info.get("redis_mode", info.get("server_mode"))
    # INFO has this only where a number of replicas is wanted, and not that number.
    good_replicas = info.get("min_slaves_good_slaves")
    wanted_replicas = int(settings.get("min-replicas-to-write", 0))
    return ServerFacts(
        product="Valkey" if is_valkey else "Redis",
        version=_version(info.get("valkey_version" if is_valkey else "redis_version")),
        redis_version=_version(info.get("redis_version")),
        run_id=str(info.get("run_id", "")),
        is_cluster=number("cluster_enabled") == 1 or mode == "cluster",
        is_sentinel=mode == "sentinel",
        is_replica=info.get("role") == "slave",
        replicas=number("connected_slaves"),
        missing_replicas=max(0, wanted_replicas - good_replicas) if isinstance(good_replicas, int) else 0,
        has_aof=number("aof_enabled") == 1 if "aof_enabled" in info else None,
        fsync=settings.get("appendfsync"),
        has_snapshots=bool(settings["save"].strip()) if "save" in settings else None,
        last_write_failed="err" in saving,
        eviction=str(info["maxmemory_policy"]) if "maxmemory_policy" in info else None,
        used_memory=number("used_memory"),
        max_memory=number("maxmemory"),
        clock_ahead_s=clock_ahead_s,
        clock_error_s=clock_error_s,
    )


def _version(value: object) -> Version:
    return tuple(int(part) for part in re.findall(r"\d+", str(value))[:3])
