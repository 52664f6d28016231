"""One run of the kernel, over the plainest store, driven step by step."""

from __future__ import annotations

import pytest

from flowcraft_engine.clock import ManualClock
from flowcraft_engine.stores.memory_store import MemoryStore
from tests.contracts.driver import Driver


@pytest.fixture
def run() -> Driver:
    clock = ManualClock()
    return Driver(MemoryStore(clock), clock)
