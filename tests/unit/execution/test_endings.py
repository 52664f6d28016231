"""Nothing depends on what is told of the end of a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from flowcraft_engine.clock import ManualClock
from flowcraft_engine.execution.endings import Endings
from flowcraft_engine.kernel.event import Event
from flowcraft_engine.stores.memory_store import MemoryStore

pytestmark = pytest.mark.asyncio


class Listener:
    async def __call__(self, ctx: Any, call_next: Any) -> Any:
        return await call_next(ctx)

    def run_ended(self, run_id: str, events: Sequence[Event]) -> None:
        raise AssertionError("there is nothing to tell")


@pytest.mark.parametrize("error", [None, KeyError("an event of a later version")])
async def test_a_run_that_cannot_be_read_is_not_told_and_nothing_is_raised(
    monkeypatch: pytest.MonkeyPatch, error: Exception | None
) -> None:
    store = MemoryStore(ManualClock())

    async def fail(run_id: str, after: int = 0) -> Any:
        assert error is not None
        raise error

    if error is not None:
        monkeypatch.setattr(store, "events", fail)
    endings = Endings(store, [Listener()])
    assert endings.are_heard
    await endings.tell("r1")
