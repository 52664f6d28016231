"""What every store promises about starts and claims."""

from __future__ import annotations

from typing import Any

import pytest

from flowcraft_engine import ConflictError, NotFoundError
from flowcraft_engine.kernel.commands import Start
from tests.contracts.driver import OWNER, Driver, plan_of

pytestmark = pytest.mark.asyncio


async def test_a_start_makes_the_start_nodes_ready(run: Driver) -> None:
    effects = await run.begin("A -> C; B -> C")
    assert effects is not None
    assert effects.ready == ["A", "B"]
    assert not effects.finished
    assert await run.states() == {"A": "ready", "B": "ready"}


async def test_the_same_start_again_changes_nothing(run: Driver) -> None:
    await run.begin("A -> B", {"n": 1})
    await run.complete("A")
    before = await run.store.events("run")
    assert await run.begin("A -> B", {"n": 1}) is None
    assert await run.store.events("run") == before


async def test_a_start_with_other_inputs_is_a_conflict(run: Driver) -> None:
    await run.begin("A -> B", {"n": 1})
    with pytest.raises(ConflictError, match="other inputs"):
        await run.begin("A -> B", {"n": 2})
    assert (await run.state()).inputs == {"n": 1}


async def test_a_start_with_another_blueprint_is_a_conflict(run: Driver) -> None:
    await run.begin("A -> B")
    with pytest.raises(ConflictError, match="another blueprint"):
        await run.begin("A -> C")


async def test_a_run_without_nodes_ends_with_its_start(run: Driver) -> None:
    effects = await run.begin("")
    assert effects is not None
    assert effects.finished
    assert await run.status() == "completed"


async def test_the_inputs_are_context_keys_but_not_the_other_way_round(run: Driver) -> None:
    await run.begin("A", {"n": 1})
    await run.complete("A", delta=[("set", "n", 2), ("set", "m", 3)])
    state = await run.state()
    assert state.inputs == {"n": 1}
    assert state.context == {"n": 2, "m": 3}


async def test_a_claim_is_exclusive(run: Driver) -> None:
    await run.begin("A")
    first = await run.claim("A")
    assert first is not None
    assert first.attempt == 1
    assert await run.claim("A", "another") is None


async def test_the_same_nonce_gets_the_same_answer(run: Driver) -> None:
    await run.begin("A")
    first = await run.claim("A", "mine")
    events = await run.store.events("run")
    second = await run.claim("A", "mine")
    assert first is not None
    assert second is not None
    assert (second.attempt, second.nonce) == (first.attempt, first.nonce) == (1, "mine")
    assert await run.store.events("run") == events


async def test_what_is_not_ready_cannot_be_claimed(run: Driver) -> None:
    await run.begin("A -> B")
    assert await run.claim("B") is None
    assert await run.claim("nothing") is None
    await run.complete("A")
    assert await run.claim("A") is None
    assert await run.claim("B") is not None


async def test_a_batch_of_claims_leaves_out_what_cannot_be_claimed(run: Driver) -> None:
    await run.begin("A, B -> C")
    claims = await run.store.claim("run", [("A", "n1"), ("C", "n2"), ("B", "n3"), ("A", "n4")], OWNER)
    assert [(claim.instance, claim.nonce) for claim in claims] == [("A", "n1"), ("B", "n3")]


async def test_a_nonce_of_an_earlier_attempt_claims_nothing_any_more(run: Driver) -> None:
    """A claim that was sent twice: the second copy arrives when the next attempt is due."""
    await run.begin("A*2")
    await run.claim("A", "old")
    await run.fail_claimed("A", retry_at=run.clock.now())
    await run.store.wake("run", ["A"])
    assert await run.claim("A", "old") is None
    assert await run.claim("A", "new") is not None


async def test_nothing_can_be_claimed_in_a_run_that_has_ended(run: Driver) -> None:
    await run.begin("A, B -> C")
    await run.store.cancel("run", None)
    assert await run.claim("A") is None


async def test_a_claim_tells_what_its_instance_must_know(run: Driver) -> None:
    await run.begin("A, B -> C", {"n": 1})
    await run.complete("B", 2)
    await run.complete("A", 1, taken=[0], values={"0": "made"})
    claim = await run.claim("C")
    assert claim is not None
    assert dict(claim.arrivals) == {"A": 0, "B": 1}
    assert dict(claim.values or {}) == {"A": "made"}
    assert claim.winner == "B"
    assert (claim.path, claim.index, claim.iteration, claim.error) == ((), None, 0, None)


@pytest.mark.parametrize("verb", ["snapshot", "facts", "events", "outstanding", "retire"])
async def test_an_unknown_run_is_not_found(store: Any, verb: str) -> None:
    with pytest.raises(NotFoundError):
        await getattr(store, verb)("nothing")
    assert not await store.exists("nothing")


async def test_writing_verbs_know_no_unknown_run(run: Driver) -> None:
    for verb in (
        run.claim("A"),
        run.commit("A", None, "n"),  # type: ignore[arg-type]
        run.signal("A"),
        run.store.wake("run", ["A"]),
        run.store.deliver("run", "A", "c", {}),
        run.store.release("run", "A", None, crashed=False, why="test"),
        run.store.cancel("run", None),
        run.store.outputs("run", ["A"]),
        run.store.facts("run"),
        run.store.item_results("run", "A"),
    ):
        with pytest.raises(NotFoundError):
            await verb


async def test_facts_are_what_the_run_was_started_with(store: Any, run: Driver) -> None:
    plan = plan_of("A", metadata={"version": "1.2"})
    command = Start("run", {"n": 1}, {"main": plan.digest}, entry=[1], key_base="base")
    await store.start(plan, command)
    facts = await store.facts("run")
    assert (facts.run_id, facts.plan.digest) == ("run", plan.digest)
    assert (facts.inputs, facts.entry, facts.key_base) == ({"n": 1}, [1], "base")
    assert facts.pins == {"main": plan.digest}
    assert (await run.state()).version == "1.2"


async def test_a_pinned_blueprint_is_kept_by_its_digest(store: Any) -> None:
    plan = plan_of("A -[x](n > 1)-> B; A*3 -{input.a}-> C; D:any; B, C -> D; E:each([1, 2])")
    await store.pin(plan)
    found = await store.plan(plan.digest)
    assert found.digest == plan.digest
    assert found.blueprint == plan.blueprint
    with pytest.raises(NotFoundError):
        await store.plan("0" * 64)
