"""What every store promises about answers, timers, sub-runs and handing back."""

from __future__ import annotations

from typing import Any

import pytest

from flowcraft_engine import ConflictError, NotFoundError
from flowcraft_engine.errors import AnswerError
from flowcraft_engine.execution.standing import result_of
from flowcraft_engine.execution.sub_runs import start_child
from flowcraft_engine.execution.waits import check_answer
from flowcraft_engine.kernel.commands import Completed, Effects, Start
from flowcraft_engine.kernel.plan import Plan
from flowcraft_engine.stores.coordination_store import CoordinationStore
from tests.contracts.driver import Driver, plan_of

pytestmark = pytest.mark.asyncio

ANSWER = {"output": 1, "action": None}


async def test_an_answer_makes_the_waiting_node_ready_with_it(run: Driver) -> None:
    await run.begin("W:wait -> E")
    await run.wait("W")
    effects = await run.signal("W", {"ok": 1}, "approve")
    assert effects is not None
    assert effects.ready == ["W"]
    claim = await run.claim("W")
    assert claim is not None
    assert claim.resumption == {"kind": "answer", "output": {"ok": 1}, "action": "approve"}
    assert claim.attempt == 1


async def test_the_same_answer_again_changes_nothing(run: Driver) -> None:
    await run.begin("W:wait")
    await run.wait("W")
    await run.signal("W", 1)
    events = await run.store.events("run")
    assert await run.signal("W", 1) is None
    await run.complete("W", 1)
    assert await run.status() == "completed"
    assert await run.signal("W", 1) is None
    assert (await run.store.events("run"))[: len(events)] == events


@pytest.mark.parametrize("output, action", [(2, None), (1, "x"), (None, None)])
async def test_another_answer_is_a_conflict_and_the_first_stays(
    run: Driver, output: int | None, action: str | None
) -> None:
    await run.begin("W:wait -> E")
    await run.wait("W")
    await run.signal("W", 1)
    with pytest.raises(ConflictError):
        await run.signal("W", output, action)
    await run.complete("W", 1)
    with pytest.raises(ConflictError):
        await run.signal("W", output, action)
    assert (await run.state()).instances["W"].answer == ANSWER


async def test_an_early_answer_is_kept_until_the_wait_is_there(run: Driver) -> None:
    await run.begin("A -> W:wait")
    effects = await run.signal("W", 1)
    assert effects is not None
    assert not effects.ready
    assert await run.signal("W", 1) is None
    with pytest.raises(ConflictError):
        await run.signal("W", 2)
    await run.complete("A")
    effects = await run.wait("W")
    assert effects.ready == ["W"]
    assert await run.signal("W", 1) is None
    claim = await run.claim("W")
    assert claim is not None
    assert claim.resumption == {"kind": "answer", "output": 1, "action": None}


async def test_an_answer_without_a_name_goes_to_the_only_wait(run: Driver) -> None:
    await run.begin("V:wait; W:wait; X")
    with pytest.raises(ConflictError, match="no node"):
        await run.signal(None, 1)
    await run.wait("V")
    await run.wait("W")
    with pytest.raises(ConflictError, match=r"2 nodes wait.*V, W"):
        await run.signal(None, 1)
    await run.signal("V", 1)
    assert await run.signal(None, 2) is not None
    assert (await run.states())["W"] == "ready"


async def test_an_answer_to_what_does_not_wait_is_refused(run: Driver) -> None:
    await run.begin("A -[x]-> W:wait; A -> B")
    with pytest.raises(NotFoundError):
        await run.signal("nothing", 1)
    with pytest.raises(ConflictError, match="does not wait"):
        await run.signal("A", 1)
    await run.complete("A", taken=[1])
    with pytest.raises(ConflictError, match="skipped"):
        await run.signal("W", 1)
    await run.complete("B")
    with pytest.raises(ConflictError, match="ended"):
        await run.signal("W", 1)


async def test_several_waiting_instances_are_told_apart_by_their_names(run: Driver) -> None:
    await run.begin("E:each([1, 2])")
    await run.scatter("E", [1, 2])
    await run.wait("E[0]")
    await run.wait("E[1]")
    with pytest.raises(ConflictError, match="2 instances"):
        await run.signal("E", 1)
    assert await run.signal("E[1]", 1) is not None
    assert (await run.states())["E[0]"] == "waiting"


async def test_a_timer_fires_once_and_only_when_due(run: Driver) -> None:
    await run.begin("S:sleep(10) -> B")
    due = run.clock.now() + 10
    effects = await run.sleep("S", due, "slept")
    assert effects.timers == [(due, "S")]
    assert not (await run.store.wake("run", ["S"])).ready
    run.clock.advance(10)
    assert (await run.store.wake("run", ["S", "S", "nothing", "B"])).ready == ["S"]
    assert not (await run.store.wake("run", ["S"])).ready
    claim = await run.claim("S")
    assert claim is not None
    assert claim.resumption == {"kind": "timer", "output": "slept"}


async def test_a_retry_waits_for_its_time_and_holds_nobody(run: Driver) -> None:
    await run.begin("A*2 -> B")
    due = run.clock.now() + 5
    effects = await run.fail("A", retry_at=due)
    assert effects.timers == [(due, "A")]
    assert await run.states() == {"A": "retrying"}
    assert await run.claim("A") is None
    run.clock.advance(5)
    assert (await run.store.wake("run", ["A"])).ready == ["A"]
    claim = await run.claim("A")
    assert claim is not None
    assert (claim.attempt, claim.resumption) == (2, None)


async def test_a_wait_that_nobody_answers_in_time_goes_on_as_expired(run: Driver) -> None:
    await run.begin("W:wait")
    await run.wait("W", due=run.clock.now() + 60)
    run.clock.advance(60)
    assert (await run.store.wake("run", ["W"])).ready == ["W"]
    with pytest.raises(ConflictError):
        await run.signal(None, 1)
    claim = await run.claim("W")
    assert claim is not None
    assert claim.resumption == {"kind": "expired"}


async def test_an_answer_before_the_timeout_stops_the_timeout(run: Driver) -> None:
    await run.begin("W:wait")
    await run.wait("W", due=run.clock.now() + 60)
    await run.signal("W", 1)
    run.clock.advance(60)
    assert not (await run.store.wake("run", ["W"])).ready
    assert (await run.claim("W")).resumption["kind"] == "answer"  # type: ignore[union-attr, index]


async def test_an_answer_after_the_timeout_is_refused_though_nobody_has_let_it_fire(run: Driver) -> None:
    await run.begin("W:wait")
    await run.wait("W", due=run.clock.now() + 60)
    run.clock.advance(60)
    with pytest.raises(ConflictError, match="the time for an answer to 'W' is over"):
        await run.signal("W", 1)
    assert (await run.store.wake("run", ["W"])).ready == ["W"]
    assert (await run.claim("W")).resumption == {"kind": "expired"}  # type: ignore[union-attr]


async def test_the_time_for_an_answer_stands_still_while_the_run_is_paused(run: Driver) -> None:
    await run.begin("W:wait")
    await run.wait("W", due=run.clock.now() + 60)
    await run.store.pause("run")
    run.clock.advance(60)
    assert await run.signal("W", 1) is not None


async def test_timers_after_a_cancellation_do_nothing(run: Driver) -> None:
    await run.begin("S:sleep(10)")
    await run.sleep("S", run.clock.now() + 10)
    await run.store.cancel("run", None)
    run.clock.advance(10)
    assert not (await run.store.wake("run", ["S"])).ready
    assert await run.states() == {"S": "cancelled"}


async def test_a_child_is_an_intent_and_its_result_arrives_once(run: Driver) -> None:
    await run.begin("N:sub(child) -> B")
    effects = await run.begin_child("N")
    assert effects.children == ["N"]
    assert (await run.state()).instances["N"].wait["child"] == "run:N"  # type: ignore[index]
    result = {"status": "completed", "outputs": 1, "values": {}}
    assert not (await run.store.deliver("run", "N", "run:other", result)).ready
    assert (await run.store.deliver("run", "N", "run:N", result)).ready == ["N"]
    assert not (await run.store.deliver("run", "N", "run:N", result)).ready
    claim = await run.claim("N")
    assert claim is not None
    assert claim.resumption == {"kind": "run", **result}


class DiedError(Exception):
    """The process is gone."""


class DyingStarter:
    """A store as a process sees it that looks before a cancel, starts a child after it, and dies then."""

    def __init__(self, store: CoordinationStore) -> None:
        self._store = store

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def start(self, plan: Plan, command: Start) -> Effects | None:
        effects = await self._store.cancel("run", None)
        assert effects.orphans == ["run:N"]
        with pytest.raises(NotFoundError):  # what follows from the cancel comes too early
            await self._store.cancel("run:N", None)
        await self._store.start(plan, command)
        raise DiedError


async def test_a_child_that_was_started_after_all_is_ended_by_whoever_repeats_the_start(run: Driver) -> None:
    child = plan_of("X:wait", id="child")
    await run.store.pin(child)
    await run.start(plan_of("N:sub(child)"), pins={"child": child.digest})
    await run.begin_child("N")
    with pytest.raises(DiedError):
        await start_child(DyingStarter(run.store), "run", "N")  # type: ignore[arg-type]  # it stands for a store
    assert (await run.store.glance("run:N"))[1].status == "running"
    await start_child(run.store, "run", "N")
    assert (await run.store.glance("run:N"))[1].status == "cancelled"
    assert (await start_child(run.store, "run", "N"))[1].is_empty


async def test_a_new_attempt_is_a_new_child(run: Driver) -> None:
    await run.begin("N:sub(child)*2")
    await run.begin_child("N")
    await run.store.deliver("run", "N", "run:N", {"status": "failed", "message": "m"})
    await run.fail("N", retry_at=run.clock.now())
    await run.store.wake("run", ["N"])
    await run.begin_child("N")
    assert (await run.state()).instances["N"].wait["child"] == "run:N::2"  # type: ignore[index]
    assert not (await run.store.deliver("run", "N", "run:N", {"status": "completed"})).ready


async def test_handing_back_consumes_no_attempt(run: Driver) -> None:
    await run.begin("A")
    await run.claim("A")
    effects = await run.release("A")
    assert effects.ready == ["A"]
    for _ in range(5):
        claim = await run.claim("A")
        assert claim is not None
        assert claim.attempt == 1
        await run.release("A")
    assert (await run.state()).instances["A"].crashes == 0


async def test_only_the_holder_of_a_claim_can_be_released(run: Driver) -> None:
    await run.begin("A")
    await run.claim("A")
    assert not (await run.release("A", nonce="another")).ready
    assert await run.states() == {"A": "running"}
    await run.commit("A", Completed(1))
    assert not (await run.release("A")).ready
    assert await run.states() == {"A": "completed"}


async def test_a_suspended_node_that_is_handed_back_keeps_what_it_goes_on_with(run: Driver) -> None:
    await run.begin("W:wait")
    await run.wait("W")
    await run.signal("W", 1)
    await run.claim("W")
    await run.release("W", crashed=True)
    claim = await run.claim("W")
    assert claim is not None
    assert (claim.attempt, claim.resumption) == (1, {"kind": "answer", "output": 1, "action": None})


async def test_three_crashes_are_a_crash_loop(run: Driver) -> None:
    await run.begin("A*5 -> B; X")
    for crash in (1, 2, 3):
        claim = await run.claim("A")
        assert claim is not None
        assert claim.attempt == 1
        effects = await run.release("A", crashed=True)
        assert effects.ready == (["A"] if crash < 3 else [])
    state = await run.state()
    assert state.instances["A"].state == "failed"
    assert (state.instances["A"].error or {})["code"] == "crash_loop"
    assert state.instances["B"].state == "poisoned"
    assert state.instances["X"].state == "ready"


async def test_a_crash_loop_can_be_rescued(run: Driver) -> None:
    await run.begin("A!F -> B")
    for _ in range(3):
        await run.claim("A")
        effects = await run.release("A", crashed=True)
    assert effects.ready == ["F"]
    await run.complete("F", 1)
    await run.complete("B", 1)
    assert await run.status() == "completed"


async def test_an_answer_is_held_against_a_schema_of_any_size(run: Driver) -> None:
    await run.begin("W:wait -> E")
    schema = {"type": "object", "description": "x" * 100_000}
    await run.wait("W", schema=schema)
    with pytest.raises(AnswerError):
        await check_answer(run.store, "run", "W", "text")
    await check_answer(run.store, "run", "W", {})


async def test_who_is_asked_what_is_told_by_every_store(run: Driver) -> None:
    await run.begin("W:wait -[yes]-> E; W -[no]-> F")
    await run.wait("W", message="really?")
    (wait,) = (await result_of(run.store, "run")).waiting
    assert (wait.message, wait.actions) == ("really?", ("yes", "no"))
