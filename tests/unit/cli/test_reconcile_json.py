"""`reconcile --json` has one shape, with and without something to do."""

from __future__ import annotations

import pytest

from tests.unit.cli.conftest import write

KEYS = ["schema", "run_id", "status", "needs_repair", "evidence", "result"]


@pytest.fixture
def napping(flowcraft):
    file = write("nap.yaml", "nodes: [{id: nap, uses: sleep, params: {duration: 300ms}}]\n")
    assert flowcraft("run", file, "--run-id", "nap", "--timeout", "10ms").code == 6


def test_after_going_on_the_result_is_that_of_run(flowcraft, napping):
    done = flowcraft("reconcile", "nap", "--json")
    assert (done.code, list(done.json)) == (0, KEYS)
    assert done.json["needs_repair"] is True
    assert done.json["result"] == flowcraft("show", "nap", "--json").json
    assert done.json["result"]["status"] == "completed"


def test_a_check_has_evidence_and_no_result(flowcraft, napping):
    done = flowcraft("reconcile", "nap", "--check", "--json")
    assert (done.code, list(done.json)) == (8, KEYS)
    assert done.json["result"] is None
    assert [item["instance"] for item in done.json["evidence"]] == ["nap"]


@pytest.mark.parametrize("more", [[], ["--check"]])
def test_a_paused_run_is_in_order_although_it_sleeps(flowcraft, napping, more):
    flowcraft("pause", "nap")
    done = flowcraft("reconcile", "nap", "--json", *more)
    assert (done.code, done.json["status"]) == (0, "paused")
    assert (done.json["needs_repair"], done.json["result"]) == (False, None)


@pytest.mark.parametrize("more", [[], ["--check"]])
def test_without_anything_to_do_the_shape_is_the_same(flowcraft, chain, more):
    flowcraft("run", chain, "--run-id", "c")
    done = flowcraft("reconcile", "c", "--json", *more)
    assert (done.code, list(done.json)) == (0, KEYS)
    assert (done.json["status"], done.json["needs_repair"], done.json["result"]) == ("completed", False, None)


def test_a_run_that_waits_for_somebody_is_in_order(flowcraft, waiting):
    flowcraft("run", waiting, "--run-id", "w")
    one = flowcraft("reconcile", "w", "--json")
    assert (one.code, one.json["result"]) == (5, None)
    every = flowcraft("reconcile", "--all", "--json")
    assert (every.code, every.json["runs"]) == (0, [{key: one.json[key] for key in KEYS[1:]}])


def test_all_runs_are_listed_with_what_became_of_each(flowcraft, napping, waiting):
    flowcraft("run", waiting, "--run-id", "w")
    done = flowcraft("reconcile", "--all", "--json")
    assert list(done.json) == ["schema", "runs"]
    found = {run["run_id"]: run["result"] and run["result"]["status"] for run in done.json["runs"]}
    assert (done.code, found) == (0, {"nap": "completed", "w": None})
