"""The JSON document of a run and the result of the model say the same in one form."""

from __future__ import annotations

from tests.acceptance.scenarios import SCENARIOS
from tests.reference.explore import first_result
from tests.reference.real import result_of


def test_a_document_of_a_run_reads_like_the_result_of_the_model() -> None:
    case = next(scenario.case for scenario in SCENARIOS if scenario.id == "B04b")
    entry = {"started_at": None, "finished_at": None, "duration_ms": None, "action": None, "reason": None}
    document = {
        "schema": 1,
        "run_id": "r",
        "blueprint_id": "main",
        "version": None,
        "status": "failed",
        "outputs": {},
        "context": {},
        "errors": [
            {"node": "E", "code": "node_failed", "message": "boom", "cause": None, "location": None},
            {"node": "V", "code": "poisoned", "message": "E failed", "cause": None, "location": None},
        ],
        "nodes": {
            "P": entry | {"state": "completed", "attempts": 1, "output": ["a", "b", "c"]},
            "E": entry | {"state": "failed", "attempts": 1, "output": None},
            "E[0]": entry | {"state": "completed", "attempts": 1, "output": "a"},
            "E[1]": entry | {"state": "failed", "attempts": 1, "output": None},
            "E[2]": entry | {"state": "cancelled", "attempts": 0, "output": None},
            "V": entry | {"state": "poisoned", "attempts": 0, "output": None},
        },
        "waiting": [],
    }
    assert result_of(document, case).key == first_result(case).key


def test_a_loop_that_waits_reads_as_waiting_whatever_the_engine_calls_it() -> None:
    case = next(scenario.case for scenario in SCENARIOS if scenario.id == "L13")
    document = {
        "status": "waiting",
        "errors": [],
        "nodes": {
            "I": {"state": "completed", "attempts": 1},
            "L": {"state": "running", "attempts": 1},
            "W": {"state": "pending", "attempts": 0},
            "W#1": {"state": "waiting", "attempts": 1},
        },
    }
    assert result_of(document, case).nodes == {"I": "completed", "L": "waiting", "W#1": "waiting"}
