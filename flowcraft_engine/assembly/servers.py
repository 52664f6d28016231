"""The servers of a fleet: their addresses, and what was found about them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from flowcraft_engine.assembly.backend import embedded_data
from flowcraft_engine.assembly.state_file import shown
from flowcraft_engine.settings import Settings

if TYPE_CHECKING:
    from flowcraft_engine.backends.redis.address import RedisAddress
    from flowcraft_engine.check import Check

_AWAY_PAUSE_S = 0.5
_DEFAULT_REDIS_URL = "redis://127.0.0.1:6379/0"
_DEV_HAS_ENDED = (
    "runs of this project are in {}: start `flowcraft dev` again; or name another Redis: --redis-url"
)


def require_usable(checks: Iterable[Check]) -> None:
    """Raises `BackendError` for the first of the checks of Redis that failed."""
    from flowcraft_engine.backends.redis.examination import require_usable

    require_usable(checks)


def masked_url(url: str) -> str:
    """A Redis URL as it may be shown."""
    from flowcraft_engine.backends.redis.address import RedisAddress

    return RedisAddress.parse(url).masked


def redis_addresses(settings: Settings) -> tuple[RedisAddress, RedisAddress]:
    """Where the runs and the queue are in Redis: what the settings name, else what `flowcraft dev` runs here,
    else this machine's usual port.

    Raises `UsageError` for a URL that is none, and for a server on the network that asks for no password.
    """
    state, broker = _addresses(settings)
    for address in (state, broker):
        address.require_safe(insecure=settings.insecure)
    return state, broker


def is_redis_configured(settings: Settings) -> bool:
    """Whether somebody asked for Redis, or `flowcraft dev` runs for this project."""
    from flowcraft_engine.backends.redis.server_lock import running_server

    is_named = settings.backend == "redis" or settings.redis_url or settings.broker_url
    return bool(is_named) or running_server(embedded_data(settings)) is not None


async def examine_redis(settings: Settings) -> list[Check]:
    """What was found about the servers of `settings`, the unsafe ones too. Raises `BackendError`, `UsageError`."""
    from flowcraft_engine.backends.redis.examination import examine

    state, broker = _addresses(settings)
    return await examine(state, broker, insecure=settings.insecure)


async def examine_redis_patiently(settings: Settings, on_away: Callable[[str], None]) -> list[Check]:
    """`examine_redis`, as soon as the servers answer; `on_away` is told once why they do not yet.

    Nobody waits for a server that would be refused: that is said at once. Raises `BackendError`, `UsageError`.
    """
    import asyncio

    from flowcraft_engine.backends.redis.connection import RedisAwayError

    redis_addresses(settings)
    was_told = False
    while True:
        try:
            return await examine_redis(settings)
        except RedisAwayError as error:
            if not was_told:
                on_away(error.message)
            was_told = True
            await asyncio.sleep(_AWAY_PAUSE_S)


def _addresses(settings: Settings) -> tuple[RedisAddress, RedisAddress]:
    from flowcraft_engine.backends.redis.address import RedisAddress, broker_address
    from flowcraft_engine.backends.redis.server_lock import has_data, running_server

    if settings.redis_url is not None:
        source = settings.sources.get("redis_url", "--redis-url")
        state = RedisAddress.parse(settings.redis_url, source=source)
    else:
        data = embedded_data(settings)
        state = running_server(data) or RedisAddress.parse(_DEFAULT_REDIS_URL)
        if has_data(data):
            state = replace(state, remedy=_DEV_HAS_ENDED.format(shown(data)))
    source = settings.sources.get("broker_url", "--broker-url")
    return state, broker_address(state, settings.broker_url, source=source)
