"""Random workflows come to the same in the reference model and in a real run, over either store."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings

from flowcraft_engine.backends.sqlite import SqliteStore
from tests.acceptance.real_run import run_real
from tests.reference.case import Case
from tests.reference.explore import admits, one_result
from tests.reference.generator import exact_cases, racing_cases

RELAXED = settings(
    deadline=None,
    derandomize=True,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)


@given(exact_cases())
@settings(RELAXED, max_examples=400)
def test_a_workflow_without_races_has_the_result_of_the_model(case: Case) -> None:
    assert run_real(case).key == one_result(case).key


@given(exact_cases())
@settings(RELAXED, max_examples=100)
def test_one_at_a_time_it_has_the_same_result(case: Case) -> None:
    assert run_real(case, concurrency=1).key == one_result(case).key


@given(exact_cases())
@settings(RELAXED, max_examples=100)
def test_a_kept_run_has_the_result_of_the_model(case: Case) -> None:
    with tempfile.TemporaryDirectory() as folder:
        result = run_real(case, lambda clock: SqliteStore(Path(folder) / "state.db", clock))
    assert result.key == one_result(case).key


@given(racing_cases())
@settings(RELAXED, max_examples=200)
def test_a_workflow_with_races_has_one_of_the_admissible_results(case: Case) -> None:
    for concurrency in (1, 32):
        assert admits(case, run_real(case, concurrency=concurrency))
