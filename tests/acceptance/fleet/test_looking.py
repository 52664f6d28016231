"""`why show list diff record graph` and reports: of runs of a fleet, in the words of runs in one process."""

from __future__ import annotations

import re

import pytest

from tests.acceptance.fleet.workers import FleetOfTest, until

FORK = """
id: fork
inputs: {count: {type: integer, default: 3}}
nodes:
  - {id: a, uses: set, params: {values: {total: "${{ count * 2 }}"}}}
  - {id: many, uses: noop}
  - {id: few, uses: noop}
  - {id: sub, uses: subflow, needs: [few], params: {blueprint_id: inner}}
  - {id: bad, uses: check, needs: [sub], params: {that: total > 100, message: too little}}
  - {id: after, uses: noop, needs: [bad]}
edges:
  - {source: a, target: many, condition: total > 10}
  - {source: a, target: few, condition: total <= 10}
"""
INNER = "id: inner\nnodes: [{id: x, uses: noop}]\n"
QUESTIONS = ["a", "many", "few", "sub", "bad", "after"]


@pytest.fixture
def ready(fleet: FleetOfTest) -> FleetOfTest:
    fleet.write("fork.yaml", FORK)
    fleet.write("inner.yaml", INNER)
    fleet.worker()
    return fleet


def test_both_kinds_of_run_are_told_of_in_the_same_words(ready: FleetOfTest) -> None:
    here = {"FLOWCRAFT_BACKEND": "sqlite"}
    assert ready("run", "fork.yaml", "--run-id", "r1", "-q", **here).code == 1
    assert ready("run", "fork.yaml", "--run-id", "r1", "-q", "--distributed").code == 1
    for node in QUESTIONS:
        there = ready("why", "r1", node)
        assert _plain(there.out) == _plain(ready("why", "r1", node, **here).out)
        assert there.code == 0
    assert "`total <= 10` holds (total = 6) (fork.yaml:13:41)" in ready("why", "r1", "few").out
    shown = ready("show", "r1").out
    assert "bad" in shown and "█ ran" in shown
    assert "✗ failed" in ready("graph", "r1").out


def test_reports_lists_differences_and_cases_of_a_fleets_run(ready: FleetOfTest) -> None:
    done = ready(
        "run", "fork.yaml", "--run-id", "r1", "-q", "--report", "junit=j.xml", "--report", "html=r.html"
    )
    assert done.code == 1
    assert 'failures="1"' in (ready.folder / "j.xml").read_text()
    assert "too little" in (ready.folder / "r.html").read_text()
    ready("run", "fork.yaml", "--run-id", "r2", "-q", "-i", "count=9")
    listed = ready("list", "--blueprint", "fork", "--status", "failed", "--since", "1h", "--json").json
    assert [run["run_id"] for run in listed["runs"]] == ["r1"]
    assert ready("diff", "r1", "r2").code == 8
    assert ready("record", "r1", "-o", "cases/one.yaml").code == 0
    assert ready("test", "cases").code == 0


def test_a_run_that_no_worker_fits_says_what_it_needs(fleet: FleetOfTest) -> None:
    fleet.write("fork.yaml", FORK)
    fleet.write("inner.yaml", INNER)
    fleet("run", "fork.yaml", "--run-id", "r1", "--distributed", "--detach")
    done = fleet("why", "r1", "a")
    assert done.code == 0
    assert "blocked: " in done.out


def _plain(text: str) -> str:
    """Without durations, which differ."""
    return re.sub(r"\d+(\.\d+)?(ms|s)\b", "…", text)


PRINTS = """
import sys
from flowcraft_engine import node


@node("prints")
def prints(ctx, params):
    print("said aloud", params["token"])
    sys.stderr.write("a complaint\\n")
"""


def test_what_nodes_print_on_a_worker_is_in_the_logs_of_the_run_and_masked_on_its_screen(
    fleet: FleetOfTest,
) -> None:
    fleet.write("printing.py", PRINTS)
    fleet.write(
        "prints.yaml", "nodes: [{id: a, uses: prints, params: {token: \"${{ secret('TOKEN') }}\"}}]\n"
    )
    worker = fleet.worker("prints.yaml", "--app", "printing", TOKEN="canary-9137")
    assert fleet("run", "prints.yaml", "--app", "printing", "--run-id", "r1").code == 0
    # A worker writes down a few times a second what its nodes print.
    until(lambda: "a | a complaint" in fleet("logs", "r1").out)
    until(lambda: "a complaint" in worker.said)
    logs = fleet("logs", "r1").out
    assert "a | said aloud ***" in logs
    assert "canary-9137" not in worker.said + logs
