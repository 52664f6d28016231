"""Random workflows come to the same in the reference model and on a fleet, whatever happens to messages."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.acceptance.fleet_run import run_all_on_fleets
from tests.faults.faulty_queue import QueueFaults
from tests.reference.case import Case
from tests.reference.explore import admissible_results, one_result
from tests.reference.generator import exact_cases, racing_cases

RELAXED = settings(
    deadline=None,
    derandomize=True,
    print_blob=True,
    suppress_health_check=list(HealthCheck),
)
#: Cases share a second of starting and stopping workers.
_TOGETHER = 16


def several(cases: st.SearchStrategy[Case]) -> st.SearchStrategy[list[Case]]:
    return st.lists(cases, min_size=_TOGETHER, max_size=_TOGETHER)


@given(several(exact_cases()))
@settings(RELAXED, max_examples=6)
def test_a_workflow_without_races_has_the_result_of_the_model(redis_url: str, cases: list[Case]) -> None:
    for case, result in zip(cases, run_all_on_fleets(cases, redis_url, workers=2), strict=True):
        assert result.key == one_result(case).key


@given(several(exact_cases()))
@settings(RELAXED, max_examples=6)
def test_it_has_the_same_result_while_messages_are_lost_doubled_and_late(
    redis_url: str, cases: list[Case]
) -> None:
    for case, result in zip(
        cases, run_all_on_fleets(cases, redis_url, workers=2, faults=QueueFaults), strict=True
    ):
        assert result.key == one_result(case).key


@given(several(racing_cases()))
@settings(RELAXED, max_examples=6)
def test_a_workflow_with_races_has_one_of_the_admissible_results(redis_url: str, cases: list[Case]) -> None:
    for case, result in zip(
        cases, run_all_on_fleets(cases, redis_url, workers=2, faults=QueueFaults), strict=True
    ):
        assert result.key in {it.key for it in admissible_results(case)}
