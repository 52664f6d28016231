"""Every behaviour of the table, in one process, over each store."""

from __future__ import annotations

from pathlib import Path

import pytest

from flowcraft_engine.backends.redis.embedded import EmbeddedRedis
from flowcraft_engine.backends.sqlite import SqliteStore
from tests.acceptance.fleet_run import run_all_on_fleets
from tests.acceptance.real_run import run_real
from tests.acceptance.scenarios import SCENARIOS, Scenario
from tests.acceptance.verdict import differences
from tests.reference.case import Result


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


@pytest.fixture(scope="module")
def fleet_results(redis_server: EmbeddedRedis) -> dict[str, Result | Exception]:
    """What each scenario came to on two workers of its own."""
    cases = {number: scenario.case for number, scenario in enumerate(SCENARIOS)}
    results = run_all_on_fleets(cases, redis_server.address.url, workers=2, prefix="scenario")
    return dict(zip((scenario.id for scenario in SCENARIOS), results, strict=True))


@pytest.mark.xdist_group("fleet")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.id)
def test_on_a_fleet(scenario: Scenario, fleet_results: dict[str, Result | Exception]) -> None:
    result = fleet_results[scenario.id]
    if isinstance(result, Exception):
        raise result
    assert differences(scenario.expected, result) == [], result.key
