"""Every store that must behave alike, empty, with a clock that stands still."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from flowcraft_engine.backends.redis.link import Link
from flowcraft_engine.backends.redis.store import RedisCoordinationStore
from flowcraft_engine.backends.sqlite import SqliteStore
from flowcraft_engine.clock import ManualClock
from flowcraft_engine.stores.memory_store import MemoryStore
from tests.contracts.driver import Driver
from tests.contracts.reopened_store import ReopenedStore
from tests.redis_server import server_binaries


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest_asyncio.fixture(params=["memory", "sqlite", "sqlite-reopened", *server_binaries()])
async def store(request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock) -> AsyncIterator[Any]:
    def open_file() -> SqliteStore:
        return SqliteStore(tmp_path / "state.db", clock)

    match request.param:
        case "memory":
            made: Any = MemoryStore(clock)
        case "sqlite":
            made = open_file()
        case "valkey" | "redis":
            server = request.getfixturevalue("server_of_kind")(request.param)
            made = RedisCoordinationStore(Link(server.address), clock=clock)
        case _:
            made = ReopenedStore(open_file)
    yield made
    await made.close()


@pytest.fixture
def run(store: Any, clock: ManualClock) -> Driver:
    return Driver(store, clock)
