"""What is particular to the memory store: it forgets, so that a service can go on for ever."""

from __future__ import annotations

import pytest

from flowcraft_engine.clock import ManualClock
from flowcraft_engine.kernel.event import Event
from flowcraft_engine.stores.memory_store import MemoryStore
from tests.contracts.driver import Driver, plan_of

pytestmark = pytest.mark.asyncio


async def test_only_the_last_finished_runs_are_kept_and_unfinished_ones_always() -> None:
    clock = ManualClock()
    store = MemoryStore(clock, keep_finished=2)
    waits = Driver(store, clock, "waits")
    await waits.begin("W:wait")
    for number in range(5):
        run = Driver(store, clock, f"run{number}")
        await run.begin("A")
        await run.complete("A")
    assert [it.run_id for it in await store.list_runs()] == ["run4", "run3", "waits"]


async def test_a_run_is_not_forgotten_for_a_retired_one_that_had_its_id() -> None:
    clock = ManualClock()
    store = MemoryStore(clock, keep_finished=1)
    first, other = Driver(store, clock, "run"), Driver(store, clock, "other")
    await first.begin("A")
    await first.complete("A")
    await store.retire("run")
    await first.begin("W:wait")
    await other.begin("A")
    await other.complete("A")
    assert [it.run_id for it in await store.list_runs()] == ["other", "run"]


async def test_a_run_is_forgotten_with_its_sub_runs() -> None:
    clock = ManualClock()
    store = MemoryStore(clock)
    parent, child = Driver(store, clock, "run"), Driver(store, clock, "run:N")
    await parent.begin("N:sub(child)")
    await parent.begin_child("N")
    await child.start(plan_of("A", id="child"), parent=("run", "N"))
    await child.complete("A")
    await store.deliver("run", "N", "run:N", {"status": "completed"})
    await parent.complete("N")
    await store.retire("run")
    assert await store.list_runs() == []


async def test_listeners_hear_every_step_once_and_in_order() -> None:
    clock = ManualClock()
    store = MemoryStore(clock)
    heard: list[tuple[str, str]] = []

    def listen(run_id: str, events: list[Event]) -> None:
        heard.extend((run_id, event.type) for event in events)

    store.subscribe(listen)  # type: ignore[arg-type]
    run = Driver(store, clock)
    await run.begin("A")
    await run.complete("A")
    kinds = ["run_started", "node_ready", "node_started", "node_completed", "run_finished"]
    assert heard == [("run", kind) for kind in kinds]
