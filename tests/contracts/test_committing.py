"""What every store promises about commits: once, by the holder of the claim, all together or not at all."""

from __future__ import annotations

from typing import Any

import pytest

from flowcraft_engine.kernel.commands import ABSENT, Completed, Failed, Suspended
from tests.contracts.driver import ERROR, Driver, plan_of

pytestmark = pytest.mark.asyncio


async def test_a_commit_shows_output_context_edges_and_successors_together(run: Driver) -> None:
    await run.begin("A -> B; A -> C")
    effects = await run.complete("A", {"x": 1}, taken=[0], delta=[("set", "k", [1])])
    assert effects.ready == ["B"]
    assert await run.states() == {"A": "completed", "B": "ready", "C": "skipped"}
    assert await run.store.outputs("run", ["A", "B"]) == [{"x": 1}, None]
    assert await run.context() == {"k": [1]}


async def test_a_commit_needs_the_nonce_of_the_claim(run: Driver) -> None:
    await run.begin("A -> B")
    await run.claim("A")
    committed = await run.commit("A", Completed(1, delta=[("set", "k", 1)]), nonce="forged")
    assert committed.status == "refused"
    assert await run.states() == {"A": "running"}
    assert await run.context() == {}


async def test_a_commit_without_any_claim_is_refused(run: Driver) -> None:
    await run.begin("A -> B")
    assert (await run.commit("A", Completed(1), nonce="x")).status == "refused"
    assert (await run.commit("B", Completed(1), nonce="x")).status == "refused"
    assert (await run.commit("nothing", Completed(1), nonce="x")).status == "refused"


async def test_a_zombie_is_refused_once_somebody_else_has_claimed(run: Driver) -> None:
    await run.begin("A -> B")
    await run.claim("A", "zombie")
    await run.release("A", crashed=True)
    await run.claim("A", "heir")
    late = await run.commit("A", Completed("zombie", delta=[("set", "k", 1)]), nonce="zombie")
    assert late.status == "refused"
    assert (await run.commit("A", Completed("heir"), nonce="heir")).status == "applied"
    assert (await run.commit("A", Completed("zombie"), nonce="zombie")).status == "refused"
    assert await run.store.outputs("run", ["A"]) == ["heir"]
    assert await run.context() == {}


async def test_a_commit_repeated_after_a_lost_reply_says_already(run: Driver) -> None:
    await run.begin("A -> B")
    await run.complete("A", 1, delta=[("increment", "k", 1)])
    events = await run.store.events("run")
    again = await run.commit("A", Completed(1, delta=[("increment", "k", 1)]))
    assert again.status == "already"
    assert not again.effects.ready
    assert await run.context() == {"k": 1}
    assert await run.store.events("run") == events


async def test_a_repeated_commit_of_a_failed_attempt_says_already_between_the_attempts(run: Driver) -> None:
    await run.begin("A*2")
    await run.fail("A", retry_at=run.clock.now() + 5)
    assert (await run.commit("A", Failed(dict(ERROR)))).status == "already"
    run.clock.advance(5)
    await run.store.wake("run", ["A"])
    assert (await run.commit("A", Failed(dict(ERROR)))).status == "already"
    assert await run.states() == {"A": "ready"}


async def test_a_condition_that_read_another_value_makes_the_commit_stale(run: Driver) -> None:
    await run.begin("A -> B; X", {"k": 1})
    await run.claim("A")
    await run.complete("X", None, delta=[("set", "k", 2)])
    late = await run.commit("A", Completed(1), expects={"k": 1})
    assert late.status == "stale"
    assert (await run.states())["A"] == "running"
    again = await run.commit("A", Completed(1), expects={"k": 2})
    assert again.status == "applied"


async def test_the_absence_of_a_key_can_be_expected(run: Driver) -> None:
    await run.begin("A; X")
    await run.claim("A")
    assert (await run.commit("A", Completed(1), expects={"k": None})).status == "stale"
    await run.complete("X", None, delta=[("set", "k", None)])
    assert (await run.commit("A", Completed(1), expects={"k": ABSENT})).status == "stale"
    assert (await run.commit("A", Completed(1), expects={"k": None})).status == "applied"


async def test_a_condition_that_read_the_whole_context_notices_a_further_key(run: Driver) -> None:
    await run.begin("A; X")
    await run.claim("A")
    await run.complete("X", None, delta=[("set", "k", 1)])
    assert (await run.commit("A", Completed(1), expects={}, expects_all=True)).status == "stale"
    assert (await run.commit("A", Completed(1), expects={"k": 1}, expects_all=True)).status == "applied"


async def test_changes_that_outgrow_the_context_fail_the_node(run: Driver) -> None:
    await run.begin("A -> B", {"k": "x" * 50})
    await run.claim("A")
    await run.commit("A", Completed(1, delta=[("set", "more", "x" * 50)]), context_limit=100)
    assert await run.states() == {"A": "failed", "B": "poisoned"}
    _, state = await run.store.snapshot("run")
    assert (state.instances["A"].error or {})["code"] == "context_too_large"
    assert list(state.context) == ["k"]


async def test_a_commit_can_claim_the_first_successor(run: Driver) -> None:
    await run.begin("A -> B; A -> C")
    await run.claim("A")
    committed = await run.commit("A", Completed(1), places=1, nonces=iter(["next"]))
    assert committed.claims
    assert (committed.claims[0].instance, committed.claims[0].nonce) == ("B", "next")
    assert committed.effects.ready == ["C"]
    assert await run.states() == {"A": "completed", "B": "running", "C": "ready"}


async def test_a_commit_claims_no_more_successors_than_there_are_places(run: Driver) -> None:
    await run.begin("A -> B; A -> C; A -> D")
    await run.claim("A")
    committed = await run.commit("A", Completed(1), places=2, nonces=iter(["1", "2", "3"]))
    assert [claim.instance for claim in committed.claims] == ["B", "C"]
    assert committed.effects.ready == ["D"]


async def test_an_any_join_is_never_claimed_with_the_commit_that_makes_it_ready(run: Driver) -> None:
    await run.begin("A, B -> C:any")
    await run.claim("A")
    committed = await run.commit("A", Completed(1), places=1, nonces=iter(["next"]))
    assert not committed.claims
    assert committed.effects.ready == ["C"]


async def test_every_change_of_the_context_is_applied_in_order(run: Driver) -> None:
    await run.begin("A -> B", {"gone": 1})
    changes = [
        ("set", "k", {"a": 1}),
        ("increment", "n", 2),
        ("increment", "n", 0.5),
        ("append", "list", 1),
        ("append", "list", [2]),
        ("delete", "gone", None),
        ("delete", "never", None),
    ]
    await run.complete("A", None, delta=changes)
    assert await run.context() == {"k": {"a": 1}, "n": 2.5, "list": [1, [2]]}
    assert await run.context("n", "gone") == {"n": 2.5}


@pytest.mark.parametrize("change", [("increment", "k", 1), ("append", "k", 1)])
async def test_a_change_that_no_longer_fits_fails_the_node_and_leaves_nothing(
    run: Driver, change: tuple[str, str, Any]
) -> None:
    await run.begin("A -> B", {"k": "text"})
    await run.complete("A", 1, delta=[("set", "other", 1), change])
    state = await run.state()
    assert state.instances["A"].state == "failed"
    assert (state.instances["A"].error or {})["code"] == "context_conflict"
    assert state.context == {"k": "text"}
    assert state.instances["B"].state == "poisoned"


@pytest.mark.parametrize("start, by", [(1e308, 1e308), (10**400, 0.5), (-1e308, -1e308)])
async def test_an_increment_beyond_all_numbers_fails_the_node(run: Driver, start: Any, by: Any) -> None:
    await run.begin("A", {"k": start})
    await run.complete("A", 1, delta=[("increment", "k", by)])
    state = await run.state()
    assert (state.instances["A"].error or {})["code"] == "context_conflict"
    assert state.context == {"k": start}


async def test_a_suspension_keeps_its_context_changes(run: Driver) -> None:
    await run.begin("A")
    await run.claim("A")
    await run.commit("A", Suspended({"kind": "answer", "due": None}, [("set", "k", 1)]))
    assert await run.context() == {"k": 1}
    assert await run.states() == {"A": "waiting"}


async def test_a_failed_attempt_leaves_nothing_in_the_context(run: Driver) -> None:
    await run.begin("A*2")
    await run.fail("A", retry_at=run.clock.now())
    assert await run.context() == {}


async def test_values_come_back_as_they_were(run: Driver) -> None:
    value = {"a": [1, 1.0, True, None, "é\u2028\x00", 2**70, -0.0, 1e-300, {}, []], "": {"0": []}}
    await run.begin("A -> B")
    await run.complete("A", value, delta=[("set", "k", value)])
    found = await run.store.outputs("run", ["A"])
    assert repr(found) == repr([value])
    assert repr(await run.context("k")) == repr({"k": value})


async def test_results_of_a_run_that_has_ended_are_refused_or_already_there(run: Driver) -> None:
    await run.begin("A -> B")
    await run.claim("A")
    await run.store.cancel("run", None)
    assert (await run.commit("A", Completed(1))).status != "applied"
    assert await run.states() == {"A": "cancelled", "B": "cancelled"}


async def test_identical_edges_count_once(run: Driver) -> None:
    await run.start(plan_of("A -[a]-> T; A -[b]-> T; T -> E"))
    effects = await run.complete("A", 1, action="b", taken=[1])
    assert effects.ready == ["T"]
    claim = await run.claim("T")
    assert claim is not None
    assert dict(claim.arrivals) == {"A": 1}


async def test_places_that_no_successor_needs_go_to_others_that_were_ready_before(run: Driver) -> None:
    await run.begin("A -> J; B -> J; C -> J; D -> J")
    await run.claim("A")
    others = iter(["no such node", "B", "C", "D"])
    committed = await run.commit("A", Completed(1), places=2, nonces=iter("12345"), others=others)
    assert [claim.instance for claim in committed.claims] == ["B", "C"]
    assert await run.states() == {
        "A": "completed",
        "B": "running",
        "C": "running",
        "D": "ready",
        "J": "pending",
    }
    assert list(others) == ["D"], "no more were asked for than there were places"


async def test_successors_come_before_others(run: Driver) -> None:
    await run.begin("A -> B; C")
    await run.claim("A")
    others = iter(["C"])
    committed = await run.commit("A", Completed(1), places=1, nonces=iter("12"), others=others)
    assert [claim.instance for claim in committed.claims] == ["B"]
    assert list(others) == ["C"]


async def test_a_claim_brings_what_its_predecessors_have_made(run: Driver) -> None:
    await run.begin("A -> B; A, B -> J; A, B -> W:any; E:each([7])", {"k": 1})
    await run.complete("A", {"a": 1})
    await run.complete("B", 2)
    inputs = {name: claim.input for name in "JW" if (claim := await run.claim(name)) is not None}
    assert inputs == {"J": {"A": {"a": 1}, "B": 2}, "W": {"a": 1}}
