"""What runs in storms is worth it, and what is said of it is neither more nor less than what may be."""

from __future__ import annotations

from dataclasses import replace

from tests.acceptance.notation import graph
from tests.chaos.workload import Load, key_of, make_workload
from tests.reference.behaviours import Boom, Echo, Ret
from tests.reference.case import Case
from tests.reference.explore import admissible_results, first_result

#: Found in a storm: D had started, was taken back, and was cancelled when C failed, with all that follows.
STARTED_JOIN = Case(
    graph("A, C -> D:any -> E -> F", metadata={"fail_fast": True}),
    {"A": Ret(1), "C": Boom(), "D": Echo(), "E": Echo(), "F": Echo()},
)


def test_the_same_seed_makes_the_same_loads() -> None:
    loads = make_workload(7, exact=6, racing=3)
    assert make_workload(7, exact=6, racing=3) == loads
    assert make_workload(8, exact=6, racing=3) != loads


def test_most_is_executed_in_most_loads_and_racing_ones_race() -> None:
    loads = make_workload(7, exact=40, racing=4)
    executions = sorted(sum(first_result(load.case).attempts.values()) for load in loads if load.is_exact)
    assert executions[len(executions) // 2] > 5
    racing = [load for load in loads if not load.is_exact]
    assert len(racing) == 4
    assert all(len(load.admissible) > 1 for load in racing)


def test_an_outcome_after_a_release_is_admitted_only_of_a_run_in_which_that_instance_was_taken_back() -> None:
    load = Load(0, STARTED_JOIN, frozenset(map(key_of, admissible_results(STARTED_JOIN))), is_exact=False)
    wider = admissible_results(STARTED_JOIN, released={"D"})
    (odd,) = [result for result in wider if key_of(result) not in load.admissible]
    assert load.admits_after_releases(odd, {"D"})
    assert load.admits_after_releases(odd, {"A", "D"})
    for others in (set[str](), {"A"}, {"C", "E"}):
        assert not load.admits_after_releases(odd, others)
    for wrong in (
        {"E": "poisoned"},
        {"D": "poisoned"},
        {"E": "completed", "F": "completed"},
        {"F": "skipped"},
    ):
        assert not load.admits_after_releases(replace(odd, nodes=odd.nodes | wrong), set("ACDEF"))
    assert not load.admits_after_releases(replace(odd, attempts=odd.attempts | {"D": 1}), set("ACDEF"))
