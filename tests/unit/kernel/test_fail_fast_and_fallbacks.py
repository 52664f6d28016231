"""`fail_fast` and fallbacks, down to their corners."""

from __future__ import annotations

from typing import Any

import pytest

from flowcraft_engine.kernel.commands import Continued
from tests.contracts.driver import Driver

pytestmark = pytest.mark.asyncio

FAST: dict[str, Any] = {"metadata": {"fail_fast": True}}


async def test_fail_fast_cancels_what_has_not_started_or_waits_and_lets_the_rest_finish(run: Driver) -> None:
    await run.begin("A; B -> C; R*2; W:wait; X -> D:done; Y", **FAST)
    await run.claim("B")
    await run.fail("R", retry_at=run.clock.now() + 9)
    await run.wait("W")
    await run.fail("A")
    states = await run.states()
    assert states["B"] == "running"
    assert [states[name] for name in "CRWXY"] == ["cancelled"] * 5
    assert states["D"] == "ready", "all_done nodes still run"
    await run.commit_completed("B")
    assert (await run.states())["C"] == "cancelled"
    await run.complete("D")
    assert await run.status() == "failed"


async def test_a_clean_up_is_told_what_was_cancelled_and_why(run: Driver) -> None:
    await run.begin("R*2 -> D:done; A -> C -> D", **FAST)
    await run.fail("R", retry_at=run.clock.now() + 9)
    await run.fail("A")
    claim = await run.claim("D")
    assert claim is not None and claim.outcomes is not None
    assert {name: told["error"] for name, told in claim.outcomes.items()} == {
        "R": {"code": "cancelled", "message": "cancelled: A failed"},
        "C": {"code": "poisoned", "message": "poisoned: A failed"},
    }


async def test_a_loop_begins_no_pass_after_fail_fast_has_struck(run: Driver) -> None:
    await run.begin("A; L:loop(S..S, true)!F -> E", **FAST)
    await run.claim("L")
    await run.fail("A")
    assert await run.states() == {"A": "failed", "L": "running", "F": "cancelled", "E": "cancelled"}
    await run.commit("L", Continued(1))
    assert await run.states() == {"A": "failed", "L": "cancelled", "F": "cancelled", "E": "cancelled"}
    assert await run.status() == "failed"


async def test_what_was_woken_before_fail_fast_strikes_finishes(run: Driver) -> None:
    await run.begin("A; W:wait -> E; S:sleep(5); V:wait", **FAST)
    for name in "WV":
        await run.wait(name)
    await run.sleep("S", run.clock.now() + 5)
    await run.signal("W", "yes")
    run.clock.advance(6)
    await run.store.wake(run.run_id, ["S"])
    await run.fail("A")
    states = await run.states()
    assert (states["W"], states["S"], states["V"], states["E"]) == (
        "ready",
        "ready",
        "cancelled",
        "cancelled",
    )
    await run.complete("W", "yes")
    await run.complete("S")
    assert await run.status() == "failed"
    assert (await run.states())["W"] == "completed"


async def test_fail_fast_does_not_count_a_failure_that_is_rescued(run: Driver) -> None:
    await run.begin("A!F -> B; C", **FAST)
    await run.fail("A")
    assert (await run.states())["C"] == "ready"
    await run.complete("F")
    await run.complete("C")
    await run.complete("B")
    assert await run.status() == "completed"


async def test_fail_fast_counts_once_the_last_rescue_has_failed(run: Driver) -> None:
    await run.begin("A!F; C", **FAST)
    await run.fail("A")
    await run.fail("F")
    assert (await run.states())["C"] == "cancelled"
    assert await run.status() == "failed"


async def test_a_batch_that_runs_after_fail_fast_still_runs_all_of_its_items(run: Driver) -> None:
    await run.begin(
        "A -> E:each([1, 2, 3]); B",
        patch={"E": {"config": {"join_strategy": "all_done"}, "concurrency": 1}},
        **FAST,
    )
    await run.claim("B")
    await run.fail("A")
    await run.commit_completed("B")
    await run.scatter("E", [1, 2, 3])
    for index in range(3):
        await run.complete(f"E[{index}]", index)
    assert (await run.states())["E"] == "ready"
    await run.complete("E", [])
    assert await run.status() == "failed"


async def test_an_all_done_node_keeps_its_attempts_after_fail_fast(run: Driver) -> None:
    await run.begin("A -> D:done*2", **FAST)
    await run.fail("A")
    await run.fail("D", retry_at=run.clock.now())
    assert (await run.states())["D"] == "retrying"


async def test_a_running_batch_gives_up_what_has_not_started_when_fail_fast_strikes(run: Driver) -> None:
    await run.begin("A; E:each([1, 2, 3])", patch={"E": {"concurrency": 2}}, **FAST)
    await run.scatter("E", [1, 2, 3])
    await run.claim("E[0]")
    await run.fail("A")
    states = await run.states()
    assert (states["E[0]"], states["E[1]"]) == ("running", "cancelled")
    assert await run.status() == "running"
    assert (await run.commit_completed("E[0]")).effects.finished
    assert (await run.states())["E"] == "cancelled"
    assert await run.status() == "failed"


async def test_a_batch_whose_items_all_run_is_cancelled_and_they_finish(run: Driver) -> None:
    await run.begin("A; E:each([1, 2, 3])*2 -> Z:done", **FAST)
    await run.scatter("E", [1, 2, 3])
    for index in range(3):
        await run.claim(f"E[{index}]")
    await run.fail("A")
    states = await run.states()
    assert (states["E"], states["Z"]) == ("cancelled", "ready")
    await run.commit_completed("E[0]", 1)
    await run.fail_claimed("E[1]")
    await run.fail_claimed("E[2]", retry_at=run.clock.now())
    states = await run.states()
    assert [states[f"E[{index}]"] for index in range(3)] == ["completed", "failed", "cancelled"]
    await run.complete("Z")
    assert (await run.states())["E"] == "cancelled"
    assert await run.status() == "failed"


async def test_a_batch_does_not_go_on_because_fail_fast_has_cancelled_its_last_items(run: Driver) -> None:
    await run.begin("A; E:each([1, 2, 3])*2", **FAST)
    await run.scatter("E", [1, 2, 3])
    await run.complete("E[0]", 1)
    await run.fail("E[1]", retry_at=run.clock.now() + 9)
    assert (await run.fail("A")).finished
    states = await run.states()
    assert [states[name] for name in ("E[0]", "E[1]", "E[2]")] == ["completed", "cancelled", "cancelled"]
    assert states["E"] == "cancelled"


async def test_a_batch_whose_items_had_ended_before_fail_fast_struck_goes_on(run: Driver) -> None:
    await run.begin("A; E:each([1])", **FAST)
    await run.scatter("E", [1])
    await run.complete("E[0]", 1)
    await run.fail("A")
    assert (await run.states())["E"] == "ready"
    await run.complete("E", [1])
    assert await run.status() == "failed"


async def test_a_loop_is_cancelled_with_its_body_not_poisoned_by_it(run: Driver) -> None:
    await run.begin("A; L:loop(X..Y, true); X -> Y", **FAST)
    await run.again("L")
    assert (await run.fail("A")).finished
    states = await run.states()
    assert [states[name] for name in ("L", "X#1", "Y#1")] == ["cancelled"] * 3


async def test_fail_fast_cancels_what_is_pending_beside_the_failure_in_a_loop(run: Driver) -> None:
    await run.begin("L:loop(X..Y, true); X -> Y; X -> D:done -> F", **FAST)
    await run.again("L")
    await run.fail("X#1")
    states = await run.states()
    assert [states[name] for name in ("L", "Y#1", "D#1", "F#1")] == [
        "poisoned",
        "poisoned",
        "ready",
        "cancelled",
    ]
    assert (await run.complete("D#1")).finished


async def test_a_fallback_is_cancelled_with_its_node_wherever_it_is_declared(run: Driver) -> None:
    for number, text in enumerate(["A!F; B", "F; A!F; B"]):
        run.run_id = f"run-{number}"
        await run.begin(text, **FAST)
        await run.fail("B")
        states = await run.states()
        assert (states["A"], states["F"]) == ("cancelled", "cancelled"), text


@pytest.mark.parametrize("crashed", [False, True])
async def test_what_was_taken_back_is_ready_when_fail_fast_strikes(run: Driver, crashed: bool) -> None:
    await run.begin("A, C -> D:any -> E -> F", **FAST)
    await run.complete("A")
    await run.claim("D")
    await run.release("D", crashed=crashed)
    assert (await run.fail("C")).finished
    states = await run.states()
    # No pill: the join has started once, and so poisons nobody. But it does not run.
    assert [states[name] for name in "DEF"] == ["cancelled"] * 3
    assert (await run.state()).instances["D"].attempt == 0


async def test_fail_fast_ends_a_loop_whose_body_runs(run: Driver) -> None:
    await run.begin("A; L:loop(X..Y, true); X -> Y; L -> E", **FAST)
    await run.again("L")
    await run.claim("X#1")
    await run.fail("A")
    assert (await run.commit_completed("X#1")).effects.finished
    states = await run.states()
    assert states["Y#1"] == "cancelled"
    assert states["E"] in ("cancelled", "poisoned")
    assert await run.status() == "failed"


async def test_fail_fast_names_the_children_to_cancel(run: Driver) -> None:
    await run.begin("A; N:sub(child)", **FAST)
    await run.begin_child("N")
    assert list((await run.fail("A")).orphans) == ["run:N"]


async def test_a_fallback_decides_the_edges_of_both(run: Driver) -> None:
    await run.begin("A!F; A -[x]-> P; A -[y]-> Q; F -> G")
    await run.fail("A")
    plan, _ = await run.store.snapshot("run")
    taken = [edge.index for edge in plan.edges if edge.target in ("Q", "G")]
    effects = await run.complete("F", 1, action="y", taken=taken)
    assert sorted(effects.ready) == ["G", "Q"]
    assert (await run.states())["P"] == "skipped"


async def test_the_fallback_of_a_poisoned_node_is_skipped(run: Driver) -> None:
    await run.begin("A -> B!F; F -> G")
    await run.fail("A")
    states = await run.states()
    assert (states["B"], states["F"], states["G"]) == ("poisoned", "skipped", "skipped")
    assert await run.status() == "failed"


async def test_a_chain_of_fallbacks_receives_the_first_error_and_the_same_input(run: Driver) -> None:
    await run.begin("S -> A!F; F!G")
    await run.complete("S", "in")
    await run.fail("A")
    first = await run.claim("F")
    assert first is not None
    assert first.error is not None
    assert first.error["node"] == "A"
    await run.fail_claimed("F")
    second = await run.claim("G")
    assert second is not None
    assert second.error is not None
    assert second.error["node"] == "F"
    assert dict(second.arrivals) == {"S": 0}


async def test_a_fallback_that_is_cancelled_leaves_the_failed_edges_failed(run: Driver) -> None:
    await run.begin("A!F -> B; C", **FAST)
    await run.fail("A")
    await run.fail("C")
    states = await run.states()
    assert (states["F"], states["B"]) in (("cancelled", "poisoned"), ("cancelled", "cancelled"))
    assert await run.status() == "failed"
