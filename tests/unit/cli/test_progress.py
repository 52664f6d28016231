"""What is known of a run that is watched, folded from its events."""

from __future__ import annotations

import pytest

from flowcraft_cli.watching.progress import Progress
from flowcraft_engine import RunResult
from flowcraft_engine.clock import ManualClock
from flowcraft_engine.stores.memory_store import MemoryStore
from tests.unit.reports.ask import boom
from tests.unit.runtime.play import blueprint, runtime


@pytest.mark.asyncio
async def test_an_item_that_runs_again_begins_when_it_runs_again() -> None:
    clock = ManualClock()
    store = MemoryStore(clock)
    made = blueprint("E:each([1])")
    flow = runtime(made, {"E": boom}, store=store)
    first: RunResult = await flow.run(made, run_id="run")
    clock.advance(60)
    await flow.retry("run")
    progress = Progress("run")
    progress.catch_up("run", await store.events("run"))
    item = progress.runs["run"].lines["E[0]"]
    assert first.status == "failed" and item.state == "failed"
    assert item.duration(clock.now()) == 0
