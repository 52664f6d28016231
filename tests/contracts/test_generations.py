"""What every store promises about retry, rerun and pause: the table of docs/decisions/0022, case by case."""

from __future__ import annotations

from typing import Any

import pytest

from flowcraft_engine import ConflictError, NotFoundError
from flowcraft_engine.clock import ManualClock
from flowcraft_engine.kernel.fold import replay
from tests.contracts.driver import Driver, plan_of
from tests.contracts.same_state import assert_same_state

pytestmark = pytest.mark.asyncio


async def retry(run: Driver, *children: str) -> list[str]:
    return sorted((await run.store.retry(run.run_id, children)).ready)


async def rerun(run: Driver, node: str, *children: str) -> list[str]:
    return sorted((await run.store.rerun(run.run_id, node, children)).ready)


async def last_generation(run: Driver) -> dict[str, Any]:
    return [e for e in await run.store.events(run.run_id) if e.type == "generation_began"][-1].data


# ---- what is repeated ---------------------------------------------------------------------------------------


async def test_a_retry_repeats_what_failed_and_what_follows_from_it(run: Driver) -> None:
    await run.begin("A -> B -> C; A -> D")
    await run.complete("A", "a")
    await run.complete("D", "d")
    await run.fail("B")
    assert await run.status() == "failed"
    assert await retry(run) == ["B"]
    state = await run.state()
    assert (state.status, state.generation, state.finished_at) == ("running", 2, None)
    assert await run.states() == {"A": "completed", "B": "ready", "C": "pending", "D": "completed"}
    await run.complete("B")
    await run.complete("C")
    assert await run.status() == "completed"


async def test_history_stays_and_the_run_ends_once_a_generation(run: Driver) -> None:
    await run.begin("A -> B")
    await run.fail("A")
    before = await run.store.events("run")
    await retry(run)
    await run.fail("A")
    after = await run.store.events("run")
    assert list(map(tuple, after[: len(before)])) == list(map(tuple, before))
    assert sum(event.type == "run_finished" for event in after) == 2
    plan, state = await run.store.snapshot("run")
    assert_same_state(state, replay(plan, "run", after))


async def test_a_retried_node_has_all_its_attempts_again(run: Driver) -> None:
    await run.begin("A*2")
    await run.fail("A", retry_at=run.clock.now())
    await run.store.wake("run", ["A"])
    await run.fail("A")
    await retry(run)
    claim = await run.claim("A")
    assert claim is not None
    assert claim.attempt == 1


async def test_a_run_that_goes_on_or_went_well_has_nothing_to_retry(run: Driver) -> None:
    await run.begin("A")
    with pytest.raises(ConflictError, match="not ended"):
        await retry(run)
    with pytest.raises(ConflictError, match="not ended"):
        await rerun(run, "A")
    await run.complete("A")
    with pytest.raises(ConflictError, match="nothing to retry"):
        await retry(run)
    with pytest.raises(NotFoundError):
        await run.store.retry("nobody")


async def test_a_rerun_repeats_a_node_and_all_that_follows_from_it(run: Driver) -> None:
    await run.begin("A -> B -> C; A -> D")
    for name in "ABCD":
        await run.complete(name, name)
    assert await rerun(run, "B") == ["B"]
    assert await run.states() == {"A": "completed", "B": "ready", "C": "pending", "D": "completed"}
    assert (await last_generation(run))["from"] == "B"


async def test_a_rerun_decides_skipped_nodes_again(run: Driver) -> None:
    await run.begin("A -[x]-> B; A -[y]-> C -> D")
    await run.complete("A", 1, action="x", taken=[0])
    await run.complete("B")
    assert (await run.states())["D"] == "skipped"
    await rerun(run, "A")
    await run.complete("A", 1, action="y", taken=[1])
    assert await run.states() == {"A": "completed", "B": "skipped", "C": "ready", "D": "pending"}


async def test_failures_elsewhere_stay_as_they_are_with_a_rerun(run: Driver) -> None:
    await run.begin("A -> C; B -> C; B -> D")
    await run.fail("A")
    await run.complete("B")
    await run.complete("D")
    assert await rerun(run, "B") == ["B"]
    assert await run.states() == {"A": "failed", "B": "ready", "C": "poisoned", "D": "pending"}


@pytest.mark.parametrize("node", ["B", "C", "D"])
async def test_a_node_that_did_not_run_cannot_be_run_again(run: Driver, node: str) -> None:
    await run.begin("A -> B; A -[x]-> C; E!D")
    await run.complete("E")
    await run.fail("A")
    with pytest.raises(ConflictError, match="did not run"):
        await rerun(run, node)
    with pytest.raises(NotFoundError):
        await rerun(run, "nobody")


# ---- joins, fallbacks, fail_fast ----------------------------------------------------------------------------


async def test_an_any_join_that_another_branch_started_keeps_its_result_in_a_retry(run: Driver) -> None:
    await run.begin("A -> C:any; B -> C; C -> D")
    await run.complete("A")
    await run.complete("C", "c")
    await run.complete("D")
    await run.fail("B")
    assert await retry(run) == ["B"]
    assert (await run.states())["C"] == "completed"
    assert (await run.complete("B")).finished
    assert await run.status() == "completed"
    assert (await run.state()).instances["C"].output == "c"


async def test_an_any_join_runs_again_with_a_rerun_of_a_node_before_it(run: Driver) -> None:
    await run.begin("A -> C:any; B -> C")
    await run.complete("A")
    await run.complete("C")
    await run.complete("B")
    assert await rerun(run, "B") == ["B", "C"], "the other edge has decided already"
    await run.complete("C")
    await run.complete("B")
    assert await run.status() == "completed"


async def test_a_cancelled_any_join_is_decided_again(run: Driver) -> None:
    await run.begin("A -> C:any; B -> C")
    await run.fail("A")
    await run.complete("B")
    assert (await run.states())["C"] == "cancelled"
    assert await retry(run) == ["A", "C"], "the edge from B was taken"


async def test_clean_up_follows_from_what_is_retried(run: Driver) -> None:
    await run.begin("A -> Z:done")
    await run.fail("A")
    await run.complete("Z")
    await retry(run)
    assert await run.states() == {"A": "ready", "Z": "pending"}
    await run.complete("A", 1)
    claim = await run.claim("Z")
    assert claim is not None
    assert claim.outcomes == {"A": {"state": "completed", "output": 1, "error": None}}


async def test_what_a_fallback_made_good_stays(run: Driver) -> None:
    await run.begin("A!F; A -> B; C")
    await run.fail("A")
    await run.complete("F")
    await run.complete("B")
    await run.fail("C")
    assert await retry(run) == ["C"]
    assert (await run.states()) == {"A": "failed", "F": "completed", "B": "completed", "C": "ready"}


async def test_a_node_and_its_fallback_that_failed_both_begin_anew(run: Driver) -> None:
    await run.begin("A!F; A -> B")
    await run.fail("A")
    await run.fail("F")
    assert await retry(run) == ["A"]
    assert await run.states() == {"A": "ready", "F": "pending", "B": "pending"}
    await run.complete("A")
    assert await run.states() == {"A": "completed", "F": "skipped", "B": "ready"}


async def test_a_fallback_can_run_again_alone(run: Driver) -> None:
    await run.begin("A!F; A -> B")
    await run.fail("A")
    await run.complete("F", "f")
    await run.complete("B")
    assert await rerun(run, "F") == ["F"]
    claim = await run.claim("F")
    assert claim is not None
    assert claim.error is not None
    await run.commit_completed("F", "g")
    assert await run.states() == {"A": "failed", "F": "completed", "B": "ready"}


async def test_what_fail_fast_had_cancelled_runs_again(run: Driver) -> None:
    await run.begin("A; B -> C", metadata={"fail_fast": True})
    await run.fail("A")
    assert await run.states() == {"A": "failed", "B": "cancelled", "C": "cancelled"}
    assert await retry(run) == ["A", "B"]
    await run.fail("B")
    assert (await run.states())["A"] == "cancelled", "and it may strike again"


# ---- runs that were stopped ---------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["retry", "rerun"])
async def test_what_a_cancel_had_stopped_runs_again(run: Driver, verb: str) -> None:
    await run.begin("A -> C; B -> C; B -> D; W:wait")
    await run.complete("B")
    await run.complete("D")
    await run.claim("A")
    await run.wait("W")
    late = run.nonces["A"]
    await run.store.cancel("run", "enough")
    assert await (retry(run) if verb == "retry" else rerun(run, "D")) == (
        ["A", "W"] if verb == "retry" else ["A", "D", "W"]
    )
    state = await run.state()
    assert (state.cancel_reason, state.status) == (None, "running")
    await run.claim("A")
    refused = await run.commit("A", (await _completed()), nonce=late)
    assert refused.status == "refused"
    await run.commit_completed("A")
    await run.complete("C")
    if verb == "rerun":
        await run.complete("D")
    await run.wait("W")
    await run.signal("W", "yes")
    await run.complete("W")
    assert await run.status() == "completed"


async def _completed() -> Any:
    from flowcraft_engine.kernel.commands import Completed

    return Completed("late")


async def test_the_time_limit_of_a_run_starts_anew(run: Driver) -> None:
    await run.start(plan_of("A", metadata={"timeout": "10s"}))
    run.clock.advance(11)
    assert (await run.store.wake("run", [""])).finished
    assert await retry(run) == ["A"]
    state = await run.state()
    assert (state.error, state.deadline) == (None, run.clock.now() + 10)
    assert not (await run.store.wake("run", [""])).finished


# ---- loops --------------------------------------------------------------------------------------------------


async def test_a_loop_goes_on_in_the_iteration_that_failed(run: Driver) -> None:
    await run.begin("L:loop(X..Y, true); X -> Y; L -> E")
    await run.again("L", "one")
    await run.complete("X#1")
    await run.complete("Y#1", "y1")
    await run.again("L", "two")
    await run.complete("X#2")
    await run.fail("Y#2")
    assert (await run.states())["L"] == "poisoned"
    assert await retry(run) == ["Y#2"]
    state = await run.state()
    assert (state.instances["L"].state, state.instances["L"].iteration) == ("waiting", 2)
    assert state.instances["L"].output == "two"
    await run.complete("Y#2", "y2")
    await run.complete("L", taken=[1])
    await run.complete("E")
    assert await run.status() == "completed"


async def test_a_controller_that_failed_looks_at_its_condition_again(run: Driver) -> None:
    await run.begin("L:loop(X..X, true); L -> E")
    await run.again("L", 1)
    await run.complete("X#1", "x")
    await run.fail("L")
    assert await retry(run) == ["L"]
    claim = await run.claim("L")
    assert claim is not None
    assert (claim.iteration, claim.resumption) == (1, {"kind": "body"})


async def test_a_rerun_goes_back_to_an_iteration_and_removes_later_ones(run: Driver) -> None:
    await run.begin("L:loop(X..Y, true); X -> Y; L -> E")
    for number in (1, 2, 3):
        await run.again("L", f"in {number}")
        await run.complete(f"X#{number}")
        await run.complete(f"Y#{number}")
    await run.complete("L", taken=[])
    with pytest.raises(ConflictError, match="3 times"):
        await rerun(run, "X")
    assert await rerun(run, "X#2") == ["X#2"]
    state = await run.state()
    assert sorted(state.instances) == ["E", "L", "X#1", "X#2", "Y#1", "Y#2"]
    assert (state.instances["L"].iteration, state.instances["L"].output) == (2, "in 2")
    assert await run.store.outputs("run", ["L"], (2,), ("L",)) == ["in 2"]


async def test_a_loop_begins_anew_with_its_controller(run: Driver) -> None:
    await run.begin("A -> L; L:loop(X..X, true)")
    await run.complete("A")
    await run.again("L", 1)
    await run.complete("X#1")
    await run.complete("L", taken=[])
    assert await rerun(run, "L") == ["L"]
    assert sorted((await run.state()).instances) == ["A", "L"]
    await run.again("L", 2)
    assert (await run.states())["X#1"] == "ready"


async def test_a_side_branch_of_an_earlier_iteration_keeps_what_the_end_gave_back(run: Driver) -> None:
    await run.begin("L:loop(X..Y, true); X -> Y; X -> S; L -> E")
    for number in (1, 2):
        await run.again("L", number)
        await run.complete(f"X#{number}")
        await run.complete(f"S#{number}")
        await run.complete(f"Y#{number}", f"y{number}")
    await run.complete("L", taken=[])
    assert await rerun(run, "S#1") == ["S#1"]
    assert (await run.complete("S#1")).ready == ["L"], "Y#1 has led back to the controller"


# ---- batches ------------------------------------------------------------------------------------------------


async def test_items_that_completed_stay(run: Driver) -> None:
    await run.begin("E:each([0, 1, 2, 3]) -> F", patch={"E": {"concurrency": 2}})
    await run.scatter("E", [0, 1, 2, 3])
    await run.complete("E[0]", "zero")
    await run.claim("E[2]")
    await run.fail("E[1]")
    await run.commit_completed("E[2]", "two")
    await run.fail("E")
    assert (await run.states())["F"] == "poisoned"
    assert await retry(run) == ["E[1]", "E[3]"]
    await run.complete("E[1]", "one")
    await run.complete("E[3]", "three")
    results = await run.store.item_results("run", "E")
    assert [output for output, _ in results] == ["zero", "one", "two", "three"]
    await run.complete("E", [])
    await run.complete("F")
    assert await run.status() == "completed"


async def test_repeated_items_keep_to_the_concurrency(run: Driver) -> None:
    await run.begin("E:each([0, 1, 2])", patch={"E": {"concurrency": 1}})
    await run.scatter("E", [0, 1, 2])
    await run.store.cancel("run", None)
    assert await retry(run) == ["E[0]"]
    assert (await run.complete("E[0]")).ready == ["E[1]"]
    await run.fail("E[1]")
    await run.fail("E")
    assert await retry(run) == ["E[1]"]


async def test_collected_failures_are_none(run: Driver) -> None:
    await run.begin("E:each([0, 1]) -> F", patch={"E": {"on_item_error": "collect"}})
    await run.scatter("E", [0, 1])
    await run.complete("E[0]")
    await run.fail("E[1]")
    await run.complete("E")
    await run.fail("F")
    assert await retry(run) == ["F"]


async def test_one_item_can_run_again(run: Driver) -> None:
    await run.begin("E:each([0, 1, 2]) -> F")
    await run.scatter("E", [0, 1, 2])
    for index in range(3):
        await run.complete(f"E[{index}]", index)
    await run.complete("E", [0, 1, 2])
    await run.complete("F")
    assert await rerun(run, "E[1]") == ["E[1]"]
    assert (await run.complete("E[1]", "new")).ready == ["E"]
    assert [output for output, _ in await run.store.item_results("run", "E")] == [0, "new", 2]


async def test_a_batch_begins_anew_with_all_its_items(run: Driver) -> None:
    await run.begin("E:each([0, 1])")
    await run.scatter("E", [0, 1])
    await run.complete("E[0]")
    await run.complete("E[1]")
    await run.complete("E")
    assert await rerun(run, "E") == ["E"]
    assert list((await run.state()).instances) == ["E"]
    assert (await run.scatter("E", [5])).ready == ["E[0]"]


# ---- sub-runs, keys, answers, context -----------------------------------------------------------------------


async def test_a_node_waits_again_for_a_sub_run_that_was_retried(run: Driver) -> None:
    await run.begin("N:sub(child) -> B")
    await run.begin_child("N")
    await run.store.deliver("run", "N", "run:N", {"status": "failed", "message": "boom"})
    await run.fail("N")
    effects = await run.store.retry("run", ["N"])
    assert (list(effects.children), effects.ready) == (["N"], [])
    assert (await run.store.outstanding("run")).children == ["N"]
    effects = await run.store.deliver("run", "N", "run:N", {"status": "completed"})
    assert effects.ready == ["N"]


async def test_a_node_that_begins_anew_starts_a_new_sub_run(run: Driver) -> None:
    await run.begin("N:sub(child)*2")
    await run.begin_child("N")
    await run.store.deliver("run", "N", "run:N", {"status": "completed"})
    await run.fail("N")
    assert await retry(run) == ["N"]
    await run.begin_child("N")
    assert ((await run.state()).instances["N"].wait or {})["child"] == "run:N::g2"
    await run.store.deliver("run", "N", "run:N::g2", {"status": "failed"})
    await run.fail("N", retry_at=run.clock.now())
    await run.store.wake("run", ["N"])
    await run.begin_child("N")
    assert ((await run.state()).instances["N"].wait or {})["child"] == "run:N::g2.2"


async def keys_of(run: Driver, instance: str) -> int:
    """Of which generation its idempotency keys are."""
    claim = await run.claim(instance)
    assert claim is not None
    await run.release(instance)
    return claim.keys


async def test_a_retry_keeps_the_keys_and_a_rerun_makes_new_ones(run: Driver) -> None:
    await run.begin("A -> B -> C; D")
    await run.complete("D")
    await run.complete("A")
    assert await keys_of(run, "B") == 0
    await run.fail("B")
    await retry(run)
    assert await keys_of(run, "B") == 0
    await run.complete("B")
    await run.complete("C")
    await rerun(run, "B")
    assert await keys_of(run, "B") == 3
    await run.complete("B")
    assert await keys_of(run, "C") == 3
    await run.fail("C")
    await retry(run)
    assert await keys_of(run, "C") == 3, "those of the rerun, kept"


async def test_new_items_and_iterations_have_the_new_keys_too(run: Driver) -> None:
    await run.begin("A -> E:each([0]); A -> L:loop(X..X, true)")
    for generation in (0, 2):
        await run.complete("A")
        await run.scatter("E", [0])
        await run.again("L", 1)
        assert await keys_of(run, "E[0]") == generation
        assert await keys_of(run, "X#1") == generation
        await run.complete("E[0]")
        await run.complete("E")
        await run.complete("X#1")
        await run.complete("L", taken=[])
        await rerun(run, "A")


async def test_a_wait_that_begins_anew_asks_again_and_early_answers_stay(run: Driver) -> None:
    await run.begin("W:wait -> V:wait")
    await run.wait("W")
    await run.signal("W", "first")
    await run.signal("V", "early")
    await run.complete("W")
    await run.store.cancel("run", None)
    await rerun(run, "W")
    await run.wait("W")
    assert (await run.states())["W"] == "waiting"
    await run.signal("W", "second")
    await run.complete("W")
    effects = await run.wait("V")
    assert effects.ready == ["V"], "answered early, before the cancel"


async def test_context_changes_are_not_undone(run: Driver) -> None:
    await run.begin("A")
    await run.complete("A", delta=[("append", "log", "a")])
    await rerun(run, "A")
    await run.complete("A", delta=[("append", "log", "a")])
    assert await run.context("log") == {"log": ["a", "a"]}


async def test_declared_outputs_are_evaluated_again(run: Driver) -> None:
    await run.begin("A -> B", outputs={"b": "B"})
    await run.complete("A")
    await run.complete("B", 1)
    await run.complete("$end", {"b": 1})
    await rerun(run, "B")
    assert (await run.state()).end_output is None
    assert (await run.complete("B", 2)).ready == ["$end"]
    await run.complete("$end", {"b": 2})
    assert (await run.state()).end_output == {"b": 2}


async def test_a_run_that_goes_on_is_listed_as_running_again(store: Any, run: Driver) -> None:
    await run.begin("A")
    await run.fail("A")
    await retry(run)
    (summary,) = await store.list_runs()
    assert (summary.status, summary.finished_at) == ("running", None)
    await run.complete("A")
    (summary,) = await store.list_runs()
    assert summary.status == "completed"


# ---- pauses -------------------------------------------------------------------------------------------------


async def test_a_paused_run_begins_nothing_and_keeps_what_it_is_told(run: Driver) -> None:
    await run.begin("A -> B; C; W:wait; S:sleep(10); N:sub(child)")
    await run.claim("A")
    await run.wait("W")
    await run.sleep("S", run.clock.now() + 10)
    await run.begin_child("N")
    assert await run.store.pause("run")
    assert not await run.store.pause("run"), "twice is once"
    assert await run.claim("C") is None
    committed = await run.commit_completed("A")
    assert committed.status == "applied"
    assert not committed.claims
    await run.signal("W", "yes")
    run.clock.advance(11)
    assert (await run.store.wake("run", ["S"])).is_empty
    await run.store.deliver("run", "N", "run:N", {"status": "completed"})
    assert (await run.store.outstanding("run")).is_empty
    effects = await run.store.unpause("run")
    assert effects is not None
    assert sorted(effects.ready) == ["B", "C", "N", "W"]
    assert [name for _, name in effects.timers] == ["S"]
    assert await run.store.unpause("run") is None


async def test_a_paused_run_can_be_cancelled_and_retried(run: Driver) -> None:
    await run.begin("A")
    await run.store.pause("run")
    await run.store.cancel("run", None)
    assert await run.status() == "cancelled"
    with pytest.raises(ConflictError, match="ended"):
        await run.store.pause("run")
    assert await retry(run) == ["A"]
    assert await run.claim("A") is not None, "the pause has ended with the run"


async def test_the_time_limit_stands_still_during_a_pause(run: Driver) -> None:
    await run.start(plan_of("A", metadata={"timeout": "10s"}))
    await run.store.pause("run")
    run.clock.advance(60)
    assert not (await run.store.wake("run", [""])).finished
    await run.store.unpause("run")
    assert not (await run.store.wake("run", [""])).finished
    run.clock.advance(10)
    assert (await run.store.wake("run", [""])).finished


# ---- trees --------------------------------------------------------------------------------------------------


async def test_a_tree_is_forgotten_as_a_whole(store: Any, run: Driver, clock: ManualClock) -> None:
    await run.begin("N:sub(child)*2")
    child = plan_of("A; M:sub(inner)", id="child")
    for attempt, run_id in enumerate(("run:N", "run:N::2"), start=1):
        await run.begin_child("N")
        inner = Driver(store, clock, run_id)
        await inner.start(child, parent=("run", "N"))
        if attempt == 1:
            await inner.begin_child("M")
            await Driver(store, clock, "run:N:M").start(child, parent=("run:N", "M"))
            await store.deliver("run", "N", run_id, {"status": "failed"})
            await run.fail("N", retry_at=clock.now())
            await store.wake("run", ["N"])
    for run_id in ("run:N:M", "run:N", "run:N::2"):
        await store.cancel(run_id, None)
    other = Driver(store, clock, "run2")
    await other.start(child)
    assert sorted(await store.tree("run")) == ["run", "run:N", "run:N::2", "run:N:M"]
    assert sorted(await store.tree("run:N")) == ["run:N", "run:N:M"]
    await store.cancel("run", None)
    await store.retire("run")
    assert [it.run_id for it in await store.list_runs()] == ["run2"]
