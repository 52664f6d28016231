"""What stands for a run on the command line."""

from __future__ import annotations

import pytest

from flowcraft_cli import run_ids
from flowcraft_cli.run_ids import find_run
from flowcraft_engine.clock import ManualClock
from flowcraft_engine.kernel.commands import Start
from flowcraft_engine.stores.memory_store import MemoryStore
from tests.contracts.driver import plan_of


@pytest.mark.asyncio
async def test_a_run_is_found_however_many_sub_runs_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_ids, "_SEARCHED", 5)
    clock = ManualClock()
    store = MemoryStore(clock)
    await store.start(plan_of("A"), Start("top", {}))
    for number in range(20):
        clock.advance(1)
        await store.start(plan_of("A"), Start(f"top:A[{number}]", {}, parent=("top", f"A[{number}]")))
    assert await find_run(store, "@latest") == await find_run(store, "to") == "top"
