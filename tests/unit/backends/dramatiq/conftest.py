"""A server for the tests that only use it, and one for those that break it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from flowcraft_engine.backends.dramatiq import DramatiqJobQueue
from tests.unit.backends.dramatiq.valkey import Valkey


@pytest.fixture(scope="session")
def _shared() -> Iterator[Valkey]:
    with Valkey() as server:
        yield server


@pytest.fixture
def server(_shared: Valkey) -> Valkey:
    """Empty. Not to be stopped."""
    with _shared.client() as client:
        client.flushall()
    return _shared


@pytest.fixture
def own_server() -> Iterator[Valkey]:
    with Valkey() as server:
        yield server


@pytest_asyncio.fixture
async def queue(server: Valkey) -> AsyncIterator[DramatiqJobQueue]:
    made = DramatiqJobQueue(server.url)
    yield made
    await made.close()
