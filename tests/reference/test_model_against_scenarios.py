"""The reference model shows every behaviour of the table, in every order of events that it admits."""

from __future__ import annotations

import pytest

from tests.acceptance.scenarios import SCENARIOS, Scenario
from tests.acceptance.verdict import differences
from tests.reference.explore import admissible_results


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.id)
def test_every_admissible_result_of_the_model_is_as_the_scenario_says(scenario: Scenario) -> None:
    results = admissible_results(scenario.case)
    assert results
    for result in results:
        assert differences(scenario.expected, result) == [], result.key


def test_scenario_ids_are_distinct() -> None:
    ids = [scenario.id for scenario in SCENARIOS]
    assert len(ids) == len(set(ids))
