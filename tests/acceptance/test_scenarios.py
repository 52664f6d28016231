"""Every behaviour of the table, in one process, over each store."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowcraft_engine.backends.sqlite import SqliteStore
from tests.acceptance.fleet_run import run_on_fleet
from tests.acceptance.real_run import run_real
from tests.acceptance.scenarios import SCENARIOS, Scenario
from tests.acceptance.verdict import differences


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.id)
def test_in_memory(scenario: Scenario) -> None:
    result = run_real(scenario.case)
    assert differences(scenario.expected, result) == [], result.key


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.id)
def test_in_a_state_file(scenario: Scenario, tmp_path: Path) -> None:
    result = run_real(scenario.case, lambda clock: SqliteStore(tmp_path / "state.db", clock))
    assert differences(scenario.expected, result) == [], result.key


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.id)
def test_one_node_at_a_time(scenario: Scenario) -> None:
    if "Late" in repr(scenario.case.behaviours):
        pytest.skip("a node waits for another one, so both must run")
    result = run_real(scenario.case, concurrency=1)
    assert differences(scenario.expected, result) == [], result.key


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.id)
def test_on_a_fleet(scenario: Scenario, redis_url: str) -> None:
    result = run_on_fleet(scenario.case, redis_url, workers=2)
    assert differences(scenario.expected, result) == [], result.key
