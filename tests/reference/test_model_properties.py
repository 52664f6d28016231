"""What must hold of the model itself, on random workflows: else it is no reference."""

from __future__ import annotations

import json

from hypothesis import HealthCheck, assume, given, settings

from tests.reference.case import Case, node_of
from tests.reference.explore import TooManyStates, admissible_results
from tests.reference.generator import exact_cases, racing_cases
from tests.reference.state import TERMINAL

SETTINGS = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


@SETTINGS
@given(exact_cases(max_nodes=6))
def test_an_exact_case_has_one_result_in_every_order_of_events(case: Case) -> None:
    try:
        results = admissible_results(case, every_order=True, bound=1_500)
    except TooManyStates:
        assume(False)
    assert len(results) == 1, "\n".join(result.key for result in results)
    assert [result.key for result in admissible_results(case)] == [results[0].key]


@SETTINGS
@given(racing_cases(max_nodes=5))
def test_the_reductions_lose_no_result(case: Case) -> None:
    try:
        every = admissible_results(case, every_order=True, bound=1_500)
    except TooManyStates:
        assume(False)
    assert {result.key for result in admissible_results(case)} == {result.key for result in every}


@SETTINGS
@given(exact_cases() | racing_cases())
def test_every_run_ends_or_waits_for_somebody(case: Case) -> None:
    try:
        results = admissible_results(case, bound=1_500)
    except TooManyStates:
        assume(False)
    for result in results:
        states = set(result.nodes.values())
        assert (result.status == "waiting") == bool(states - TERMINAL)
        assert states <= TERMINAL | {"waiting"}
        if result.status == "completed":
            assert not result.errors
            assert not states & {"poisoned"}
        if result.status == "failed":
            assert result.errors
        limits = {
            node["id"]: node.get("config", {}).get("max_retries", 1) for node in case.blueprint["nodes"]
        }
        assert all(count <= limits[node_of(name)] for name, count in result.attempts.items())


@SETTINGS
@given(exact_cases())
def test_blueprints_are_plain_data(case: Case) -> None:
    assert json.loads(json.dumps(case.blueprint)) == case.blueprint
