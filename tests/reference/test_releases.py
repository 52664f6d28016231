"""What may come of a run because instances were ready again: their workers died, or were told to leave."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import HealthCheck, assume, given, settings

from tests.acceptance.notation import graph
from tests.reference.behaviours import Behaviour, Boom, BoomOn, Echo, Flaky, Ret
from tests.reference.case import Case, Result
from tests.reference.explore import TooManyStates, admissible_results, admits
from tests.reference.generator import racing_cases

FAST = {"metadata": {"fail_fast": True}}
#: Found in a storm: D had started, was taken back, and was cancelled when C failed, with all that follows.
STARTED_JOIN = Case(
    graph("A, C -> D:any -> E -> F", **FAST),
    {"A": Ret(1), "C": Boom(), "D": Echo(), "E": Echo(), "F": Echo()},
)


def case_of(text: str, behaviours: dict[str, Behaviour], **extra: object) -> Case:
    return Case(graph(text, **extra), behaviours)


def results(case: Case, *released: str) -> list[Result]:
    return admissible_results(case, released=released)


def keys(case: Case, *released: str) -> set[str]:
    return {result.key for result in results(case, *released)}


def test_a_started_any_join_that_is_taken_back_is_cancelled_without_a_pill() -> None:
    more = [it for it in results(STARTED_JOIN, "D") if it.key not in keys(STARTED_JOIN)]
    states = {"A": "completed", "C": "failed", "D": "cancelled", "E": "cancelled", "F": "cancelled"}
    assert [result.nodes for result in more] == [states]
    assert more[0].attempts == {"A": 1, "C": 1}, "no attempt was consumed"
    assert keys(STARTED_JOIN) < keys(STARTED_JOIN, "D")


def test_what_is_simply_wrong_is_admitted_after_no_release() -> None:
    (odd,) = [it for it in results(STARTED_JOIN, "D") if it.key not in keys(STARTED_JOIN)]
    for wrong in (
        replace(odd, nodes=odd.nodes | {"E": "poisoned"}),
        replace(odd, nodes=odd.nodes | {"E": "completed", "F": "completed"}),
        replace(odd, nodes=odd.nodes | {"D": "poisoned"}),
        replace(odd, attempts=odd.attempts | {"D": 1}),
        replace(odd, attempts=odd.attempts | {"A": 2}),
        replace(odd, status="completed", errors=frozenset()),
    ):
        assert wrong.key not in keys(STARTED_JOIN)
        assert wrong.key not in keys(STARTED_JOIN, *"ACDEF")


def test_a_release_consumes_no_attempt() -> None:
    case = case_of("A*2; B", {"A": Flaky(2, "ok"), "B": Boom()}, **FAST)
    attempts = {(it.nodes["A"], it.attempts.get("A", 0)) for it in results(case, "A", "B")}
    assert attempts == {("completed", 2), ("cancelled", 0), ("cancelled", 1)}
    assert keys(case, "A", "B") == keys(case)


def test_a_release_opens_no_window_for_a_pill() -> None:
    case = case_of("A, C -> D:any -> E", {"A": Ret(1), "C": Boom(), "D": Echo(), "E": Echo()})
    assert keys(case, *"ACDE") == keys(case)
    every = admissible_results(case, every_order=True, released=tuple("ACDE"))
    assert {result.key for result in every} == keys(case)


def test_an_item_that_is_taken_back_is_not_given_up() -> None:
    case = case_of("E:each([1, 2])", {"E": BoomOn(1)})
    every = admissible_results(case, every_order=True, released=("E[0]", "E[1]"))
    assert {result.key for result in every} == keys(case)


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
@given(racing_cases(max_nodes=4))
def test_nobody_sees_a_release_where_nothing_fails_fast(case: Case) -> None:
    try:
        narrow = admissible_results(case, bound=1_500)
        names = {name for result in narrow for name in result.nodes}
        wide = admissible_results(case, every_order=True, bound=1_500, released=names)
        reduced = admissible_results(case, bound=1_500, released=names)
    except TooManyStates:
        assume(False)
    assert {result.key for result in narrow} <= {result.key for result in wide}
    assert {result.key for result in reduced} == {result.key for result in wide}
    for result in wide:
        assert admits(case, result, released=names)
    if not case.blueprint.get("metadata", {}).get("fail_fast"):
        assert {result.key for result in wide} == {result.key for result in narrow}
