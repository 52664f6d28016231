"""Joins counted over distinct predecessors; pills that travel to the end of the graph in one step."""

from __future__ import annotations

import pytest

from tests.contracts.driver import Driver

pytestmark = pytest.mark.asyncio


async def test_a_failed_predecessor_poisons_an_all_join_without_waiting_for_the_others(run: Driver) -> None:
    await run.begin("A, B -> J -> E")
    await run.claim("B")
    await run.fail("A")
    state = await run.state()
    assert await run.states() == {"A": "failed", "B": "running", "J": "poisoned", "E": "poisoned"}
    assert state.instances["J"].reason["origin"] == "A"
    assert state.instances["E"].reason["origin"] == "A"
    assert not state.is_final, "the other branch goes on"


async def test_a_later_arrival_does_not_wake_a_poisoned_join(run: Driver) -> None:
    await run.begin("A, B -> J -> E")
    await run.fail("A")
    effects = await run.complete("B")
    assert effects.ready == []
    assert effects.finished
    assert await run.status() == "failed"
    assert (await run.states())["J"] == "poisoned"


async def test_a_failed_predecessor_cancels_an_any_join_so_that_a_later_one_cannot_start_it(
    run: Driver,
) -> None:
    await run.begin("A, B -> D:any -> E")
    await run.fail("B")
    assert (await run.states())["D"] == "cancelled"
    effects = await run.complete("A")
    assert effects.ready == []
    assert await run.states() == {"A": "completed", "B": "failed", "D": "cancelled", "E": "poisoned"}
    assert await run.status() == "failed"


async def test_a_failure_after_the_first_arrival_still_cancels_an_any_join_that_has_not_started(
    run: Driver,
) -> None:
    await run.begin("A, B -> D:any")
    assert (await run.complete("A")).ready == ["D"]
    await run.fail("B")
    assert (await run.states())["D"] == "cancelled"
    assert await run.claim("D") is None
    assert await run.status() == "failed"


async def test_an_any_join_that_has_started_is_untouched_by_a_failure(run: Driver) -> None:
    await run.begin("A, B -> D:any -> E")
    await run.complete("A", "a")
    await run.claim("D")
    await run.fail("B")
    assert (await run.states())["D"] == "running"
    await run.commit_completed("D")
    await run.complete("E")
    assert await run.status() == "failed", "because of B"
    assert (await run.states())["D"] == "completed"


@pytest.mark.parametrize("crashed", [True, False])
async def test_an_any_join_that_was_handed_back_has_started_all_the_same(run: Driver, crashed: bool) -> None:
    await run.begin("A, B -> D:any")
    await run.complete("A")
    await run.claim("D")
    await run.release("D", crashed=crashed)
    await run.fail("B")
    assert (await run.states())["D"] == "ready"


async def test_an_any_join_between_two_attempts_is_untouched_by_a_failure(run: Driver) -> None:
    await run.begin("A, B -> D:any*2")
    await run.complete("A")
    await run.fail("D", retry_at=run.clock.now())
    await run.fail("B")
    assert (await run.states())["D"] == "retrying"
    await run.store.wake("run", ["D"])
    await run.complete("D")
    assert (await run.states())["D"] == "completed"


async def test_an_any_join_fires_once_when_all_branches_arrive(run: Driver) -> None:
    await run.begin("A, B, C -> D:any")
    assert (await run.complete("B")).ready == ["D"]
    assert (await run.complete("A")).ready == []
    claim = await run.claim("D")
    assert claim is not None
    assert claim.winner == "B"
    assert (await run.complete("C")).ready == []
    await run.commit_completed("D")
    assert await run.status() == "completed"


async def test_an_any_join_with_untaken_edges_only_is_skipped(run: Driver) -> None:
    await run.begin("A -[x]-> D:any; B -[x]-> D; D -> E")
    await run.complete("A", taken=[])
    assert "D" not in await run.states() or (await run.states())["D"] == "pending"
    await run.complete("B", taken=[])
    assert (await run.states())["D"] == (await run.states())["E"] == "skipped"
    assert await run.status() == "completed"


async def test_an_all_join_runs_with_the_taken_edges_and_is_skipped_without_any(run: Driver) -> None:
    await run.begin("A -[x]-> J; B -[x]-> J; C -[x]-> K; J, K -> E")
    await run.complete("A", taken=[])
    assert (await run.complete("B", taken=[1])).ready == ["J"]
    await run.complete("C", taken=[])
    assert (await run.states())["K"] == "skipped"
    assert (await run.complete("J")).ready == ["E"]


async def test_a_skip_travels_to_the_end_of_a_long_chain_in_one_step(run: Driver) -> None:
    chain = " -> ".join(f"N{index}" for index in range(5_000))
    await run.begin(f"A -[x]-> {chain}; A -> Z")
    effects = await run.complete("A", taken=[len(chain.split(" -> "))])
    assert effects.ready == ["Z"]
    assert set((await run.states()).values()) == {"completed", "skipped", "ready"}


async def test_poison_travels_to_the_end_of_a_long_chain_in_one_step(run: Driver) -> None:
    chain = " -> ".join(f"N{index}" for index in range(5_000))
    await run.begin(f"A -> {chain}")
    assert (await run.fail("A")).finished
    state = await run.state()
    assert state.instances["N4999"].reason == {"rule": "predecessor_failed", "node": "N4998", "origin": "A"}


async def test_an_all_done_join_runs_after_everything_whatever_came_of_it(run: Driver) -> None:
    await run.begin("A, B, C, P -> D:done; X -[x]-> C; Y -> P")
    await run.complete("X", taken=[])
    await run.fail("Y")
    await run.fail("A")
    assert (await run.complete("B", 3)).ready == ["D"]
    claim = await run.claim("D")
    assert claim is not None
    found = {name: (it["state"], it["output"]) for name, it in (claim.outcomes or {}).items()}  # type: ignore[index, call-overload]
    assert found == {
        "A": ("failed", None),
        "B": ("completed", 3),
        "C": ("skipped", None),
        "P": ("poisoned", None),
    }
    assert list(found) == ["A", "B", "C", "P"], "in blueprint order"


async def test_a_cancelled_any_join_poisons_the_all_join_behind_it(run: Driver) -> None:
    await run.begin("A, B -> D:any; D, C -> J; J -> K")
    await run.fail("A")
    assert (await run.states())["J"] == (await run.states())["K"] == "poisoned"


async def test_a_wide_join_counts_each_predecessor_once(run: Driver) -> None:
    names = [f"N{index}" for index in range(300)]
    await run.begin(f"S -> {', '.join(names)}; {', '.join(names)} -> J")
    await run.complete("S")
    for name in names[:-1]:
        assert (await run.complete(name)).ready == []
        assert (await run.commit_completed(name)).status == "already"
    assert (await run.complete(names[-1])).ready == ["J"]


async def test_an_all_done_start_of_a_loop_body_sees_how_its_controller_stands(run: Driver) -> None:
    await run.begin("L:loop(X..X, true); X:done")
    await run.again("L", "in")
    claim = await run.claim("X#1")
    assert claim is not None
    assert list(claim.outcomes or {}) == ["L"]
