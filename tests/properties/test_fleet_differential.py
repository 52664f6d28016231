"""Random workflows come to the same in the reference model and on a fleet, whatever happens to messages.

Cases are gathered first and run side by side, so that they share the second that it takes to start and stop workers.
Whether a result is admissible is looked at afterwards, and only until it is found.
"""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.acceptance.fleet_run import run_all_on_fleets
from tests.faults.faulty_queue import QueueFaults
from tests.reference.case import Case, Result
from tests.reference.explore import admits, one_result
from tests.reference.generator import exact_cases, racing_cases

#: `FLOWCRAFT_FLEET_CASES=2000` runs as many of each kind.
_COUNT = int(os.environ.get("FLOWCRAFT_FLEET_CASES", "48"))


def gathered(cases: st.SearchStrategy[Case], count: int) -> list[Case]:
    """The first `count` cases of a strategy: the same ones each time."""
    found: list[Case] = []

    @given(cases)
    @settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    def gather(case: Case) -> None:
        found.append(case)

    gather()
    return found


def compare(
    cases: list[Case],
    redis_url: str,
    admits: Callable[[Case, Result], bool],
    faults: Callable[[int], QueueFaults] | None = None,
) -> None:
    """Run all cases, and compare each with what the model admits."""
    results = run_all_on_fleets(dict(enumerate(cases)), redis_url, workers=2, faults=faults)
    for case, result in zip(cases, results, strict=True):
        if isinstance(result, Exception):
            raise AssertionError(case) from result
        assert admits(case, result), case


def is_the_result(case: Case, result: Result) -> bool:
    return one_result(case).key == result.key


@pytest.mark.timeout(300)
def test_a_workflow_without_races_has_the_result_of_the_model(redis_url: str) -> None:
    compare(gathered(exact_cases(), _COUNT), redis_url, is_the_result)


@pytest.mark.timeout(300)
def test_it_has_the_same_result_while_messages_are_lost_doubled_and_late(redis_url: str) -> None:
    compare(gathered(exact_cases(), _COUNT), redis_url, is_the_result, QueueFaults)


@pytest.mark.timeout(300)
def test_a_workflow_with_races_has_one_of_the_admissible_results(redis_url: str) -> None:
    compare(gathered(racing_cases(), _COUNT), redis_url, admits, QueueFaults)
