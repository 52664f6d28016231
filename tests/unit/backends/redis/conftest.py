"""A server with a clock that stands still, and its scripts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from flowcraft_engine.backends.redis.address import RedisAddress
from flowcraft_engine.backends.redis.scripts import Scripts
from tests.interleaving.server import CLOCK_LUA, Server

NOW = 1_700_000_000_000


@pytest.fixture
def server(redis_address: RedisAddress) -> Iterator[Server]:
    server = Server(redis_address)
    server.set_clock(NOW)
    yield server
    server.close()


@pytest.fixture
def scripts() -> Scripts:
    return Scripts(clock=CLOCK_LUA)
