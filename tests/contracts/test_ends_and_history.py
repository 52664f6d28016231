"""What every store promises about the end of a run, its history, look-ups and lists."""

from __future__ import annotations

from typing import Any

import pytest

from flowcraft_engine import ConflictError
from flowcraft_engine.clock import ManualClock
from flowcraft_engine.kernel.event import Event
from flowcraft_engine.kernel.fold import replay
from flowcraft_engine.stores.coordination_store import RunQuery
from tests.contracts.driver import Driver, plan_of
from tests.contracts.same_state import assert_same_state, plain, plain_events

pytestmark = pytest.mark.asyncio


async def test_a_cancelled_run_starts_nothing_more(run: Driver) -> None:
    await run.begin("A, B -> C:done; W:wait")
    await run.claim("A")
    await run.wait("W")
    effects = await run.store.cancel("run", "enough")
    assert effects.finished
    assert not effects.ready
    state = await run.state()
    assert (state.status, state.cancel_reason, state.open, state.moving) == ("cancelled", "enough", 0, 0)
    assert {instance.state for instance in state.instances.values()} == {"cancelled"}
    with pytest.raises(ConflictError):
        await run.signal("W", 1)


async def test_a_second_cancel_changes_nothing(run: Driver) -> None:
    await run.begin("A")
    await run.store.cancel("run", "first")
    events = await run.store.events("run")
    await run.store.cancel("run", "second")
    assert await run.store.events("run") == events


async def test_a_completed_run_cannot_be_cancelled(run: Driver) -> None:
    await run.begin("A")
    await run.complete("A")
    with pytest.raises(ConflictError, match="completed"):
        await run.store.cancel("run", None)
    assert await run.status() == "completed"


async def test_cancelling_names_the_children_that_nobody_waits_for_any_more(run: Driver) -> None:
    await run.begin("N:sub(child); M:sub(child); A")
    await run.begin_child("N")
    await run.begin_child("M")
    await run.store.deliver("run", "M", "run:M", {"status": "completed"})
    effects = await run.store.cancel("run", None)
    assert effects.orphans == ["run:N"]
    assert "run:N" in (await run.store.outstanding("run")).orphans, "also for whoever comes later"


async def test_a_run_ends_with_its_deadline_whoever_wakes_it(run: Driver) -> None:
    plan = plan_of("A -> B", metadata={"timeout": "10s"})
    await run.start(plan)
    await run.claim("A")
    run.clock.advance(9)
    assert not (await run.store.wake("run", [""])).finished
    run.clock.advance(1)
    assert (await run.store.wake("run", [""])).finished
    state = await run.state()
    assert state.status == "failed"
    assert (state.error or {})["code"] == "run_timeout"
    assert not (await run.store.wake("run", [""])).finished


async def test_exactly_one_commit_finishes_the_run(run: Driver) -> None:
    await run.begin("; ".join(f"N{index}" for index in range(20)))
    finished = [(await run.complete(f"N{index}")).finished for index in range(20)]
    assert finished == [False] * 19 + [True]
    ends = [event for event in await run.store.events("run") if event.type == "run_finished"]
    assert len(ends) == 1


async def test_outstanding_is_everything_that_somebody_should_be_doing(run: Driver) -> None:
    await run.begin("A; B*2; S:sleep(10); N:sub(child); W:wait; R; E:each([1, 2, 3])")
    due = run.clock.now() + 10
    await run.fail("B", retry_at=due)
    await run.sleep("S", due + 1)
    await run.begin_child("N")
    await run.wait("W", due=due + 2)
    await run.claim("R")
    await run.scatter("E", [1, 2, 3])
    await run.complete("E[1]")
    found = await run.store.outstanding("run")
    assert found.ready == ["A", "E[0]", "E[2]"]
    assert sorted(found.timers) == [(due, "B"), (due + 1, "S"), (due + 2, "W")]
    assert found.children == ["N"]
    assert not found.finished


async def test_events_are_gap_free_and_can_be_read_from_anywhere(run: Driver) -> None:
    heard: list[Event] = []
    run.store.subscribe(lambda run_id, events: heard.extend(events))
    await run.begin("A -> B; A -> C; B, C -> D:any")
    await run.complete("A", 1)
    await run.complete("B", 2)
    await run.complete("D", 3)
    await run.complete("C", 4)
    events = await run.store.events("run")
    assert plain_events(heard) == plain_events(events)
    assert (await run.state()).seq == len(events)
    for after in range(len(events) + 2):
        assert plain_events(await run.store.events("run", after)) == plain_events(events[after:])


async def test_the_fold_of_the_events_is_the_state(run: Driver) -> None:
    await run.begin("A*2!F -> L; L:loop(X..Y, true); X -> Y; L -> E; E:each(A); W:wait", {"k": 1})
    plan, _ = await run.store.snapshot("run")
    leave = next(edge.index for edge in plan.edges if (edge.source, edge.target) == ("L", "E"))
    await run.wait("W")
    await run.fail("A", retry_at=run.clock.now())
    await run.store.wake("run", ["A"])
    await run.fail("A")
    await run.complete("F", [1, 2], delta=[("append", "list", {"a": 1})])
    await run.again("L", 1)
    await run.complete("X#1")
    await run.complete("Y#1", 1)
    await run.complete("L", 5, taken=[leave])
    await run.scatter("E", [1, 2])
    await run.complete("E[1]", "x")
    await run.signal("W", {"deep": [None]}, "go")
    state = await run.state()
    events = [Event(*plain_event) for plain_event in map(tuple, await run.store.events("run"))]
    assert_same_state(state, replay(plan, "run", events))


async def test_outputs_are_seen_from_inside_a_loop(run: Driver) -> None:
    await run.begin("A -> L; L:loop(X..Y, true); X -> Y; L -> E")
    await run.complete("A", "a")
    await run.again("L", "in")
    await run.complete("X#1", "x1")
    look = run.store.outputs
    assert await look("run", ["A", "X"], (1,), ("L",)) == ["a", "x1"]
    await run.complete("Y#1", "y1")
    await run.again("L", "again")
    assert await look("run", ["X", "Y"], (2,), ("L",)) == [None, None]
    assert await look("run", ["X", "Y"], (1,), ("L",)) == ["x1", "y1"]
    await run.complete("X#2", "x2")
    assert await look("run", ["X"], (2,), ("L",)) == ["x2"]
    assert await look("run", ["X"], (), ()) == ["x2"]


async def test_the_output_of_a_rescued_node_is_that_of_its_fallback(run: Driver) -> None:
    await run.begin("A!F; F!G; A -> B")
    await run.fail("A")
    await run.fail("F")
    await run.complete("G", "g")
    assert await run.store.outputs("run", ["A", "F", "G"]) == ["g", "g", "g"]
    assert (await run.states())["B"] == "ready"


async def test_item_results_come_in_item_order(run: Driver) -> None:
    await run.begin("E:each([1, 2, 3])", patch={"E": {"on_item_error": "collect"}})
    await run.scatter("E", [1, 2, 3])
    await run.complete("E[2]", "c")
    await run.fail("E[1]")
    await run.complete("E[0]", "a")
    results = await run.store.item_results("run", "E")
    assert [output for output, _ in results] == ["a", None, "c"]
    assert [None if error is None else error["code"] for _, error in results] == [None, "node_failed", None]


async def test_runs_are_listed_newest_first(store: Any, clock: ManualClock) -> None:
    for name in ("one", "two", "three"):
        run = Driver(store, clock, name)
        await run.begin("A", id="listed")
        clock.advance(1)
    await Driver(store, clock, "two").complete("A")
    listed = await store.list_runs()
    assert [it.run_id for it in listed] == ["three", "two", "one"]
    assert [it.run_id for it in await store.list_runs(limit=2)] == ["three", "two"]
    (two,) = await store.list_runs(status="completed")
    assert (two.run_id, two.blueprint_id, two.status) == ("two", "listed", "completed")
    assert (two.created_at, two.finished_at) == (clock.now() - 2, clock.now())
    assert two.parent_run_id is None


async def test_a_child_is_listed_with_its_parent(store: Any, run: Driver, clock: ManualClock) -> None:
    await run.begin("N:sub(child)")
    child = Driver(store, clock, "run:N")
    await child.start(plan_of("A", id="child"), parent=("run", "N"))
    assert {it.run_id: it.parent_run_id for it in await store.list_runs()} == {"run": None, "run:N": "run"}


async def test_only_a_run_that_has_ended_can_be_forgotten_and_then_wholly(store: Any, run: Driver) -> None:
    await run.begin("A")
    await store.remember("run", {"app": ["x"]})
    with pytest.raises(ConflictError):
        await store.retire("run")
    await run.complete("A")
    await store.retire("run")
    assert not await store.exists("run")
    assert await store.list_runs() == []
    assert await store.recall("run") == {}
    assert await run.begin("B") is not None, "the id is free again"
    assert await run.states() == {"B": "ready"}


async def test_what_is_remembered_of_a_run_comes_back(store: Any, run: Driver) -> None:
    await run.begin("A")
    assert await store.recall("run") == {}
    await store.remember("run", {"app": ["a", "b"], "n": None})
    assert plain(await store.recall("run")) == plain({"app": ["a", "b"], "n": None})


async def test_closing_twice_is_closing(store: Any) -> None:
    await store.close()
    await store.close()


async def test_a_history_that_is_restored_is_the_run(store: Any, run: Driver, clock: ManualClock) -> None:
    await run.begin("A -> B")
    await run.complete("A", {"x": [1]})
    plan, _ = await store.snapshot("run")
    begun = await store.events("run")
    await run.fail("B")
    await store.retry("run")
    whole = await store.events("run")
    await store.cancel("run", None)
    await store.retire("run")
    assert await store.restore(plan, "run", begun) == len(begun)
    assert await store.restore(plan, "run", begun) == 0
    assert await store.restore(plan, "run", whole) == len(whole) - len(begun)
    assert_same_state(replay(plan, "run", whole), (await store.snapshot("run"))[1])
    assert await store.restore(plan, "run", begun) == 0, "it is further already"
    assert [it.status for it in await store.list_runs()] == ["running"]
    await run.complete("B")
    assert await run.status() == "completed"


async def test_another_history_of_a_run_is_refused(store: Any, run: Driver, clock: ManualClock) -> None:
    await run.begin("A; B")
    await run.complete("A")
    plan, _ = await store.snapshot("run")
    other = [event._replace(instance="B") if event.instance else event for event in await store.events("run")]
    with pytest.raises(ConflictError, match="differently"):
        await store.restore(plan, "run", other)


async def test_runs_are_found_by_status_blueprint_and_start_the_newest_first(
    run: Driver, clock: ManualClock
) -> None:
    plans = [plan_of("A", id="one"), plan_of("A", id="two")]
    for number in range(4):
        driver = Driver(run.store, clock, f"run-{number}")
        await driver.start(plans[number % 2])
        if number < 2:
            await driver.complete("A")
        clock.advance(10)
    inner = Driver(run.store, clock, "run-0:N")
    await inner.start(plans[0], parent=("run-0", "N"))

    async def found(**wanted: Any) -> list[str]:
        return [it.run_id for it in await run.store.find_runs(RunQuery(**wanted))]

    assert await found() == ["run-3", "run-2", "run-1", "run-0"]
    assert await found(limit=1) == ["run-3"]
    assert await found(status="completed") == ["run-1", "run-0"]
    assert await found(blueprint_id="one") == ["run-2", "run-0"]
    assert await found(blueprint_id="one", status="running", limit=5) == ["run-2"]
    assert await found(since=clock.now() - 20) == ["run-3", "run-2"]
    assert await found(top_only=False, limit=1) == ["run-0:N"]
