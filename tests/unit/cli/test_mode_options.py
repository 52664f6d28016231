"""Options that mean nothing where the runs are: refused, with what to use; the environment is for many commands."""

from __future__ import annotations

import pytest

from tests.unit.cli.conftest import write

REDIS = ["--redis-url", "redis://127.0.0.1:1"]
CASES = [
    (["run", "flow.yaml", "--distributed", "--concurrency", "3"], "flowcraft worker --concurrency N"),
    (["run", "flow.yaml", "--distributed", "--state", "x.db"], "leave it out"),
    (["run", "flow.yaml", "--distributed", "--traces"], "flowcraft worker --traces"),
    (["run", "flow.yaml", "--distributed", "--backend", "sqlite"], "leave out one of them"),
    (["run", "flow.yaml", "--distributed", "--detach", "--timeout", "1s"], "leave out one"),
    (["run", "flow.yaml", "--namespace", "other"], "--distributed goes to Redis"),
    (["run", "flow.yaml", "--backend", "sqlite", *REDIS], "--distributed goes to Redis"),
    (["resume", "r1", "--concurrency", "3", *REDIS], "flowcraft worker --concurrency N"),
    (["retry", "r1", "--app", "shop", *REDIS], "flowcraft worker --app MODULE"),
    (["retry", "--status", "failed", "--app", "shop", *REDIS], "flowcraft worker --app MODULE"),
    (["rerun", "r1", "--from", "a", "--concurrency", "3", *REDIS], "flowcraft worker --concurrency N"),
    (["reconcile", "--all", "--concurrency", "3", *REDIS], "flowcraft worker --concurrency N"),
    (["show", "r1", "--state", "x.db", *REDIS], "--backend sqlite looks in a state file"),
    (["list", "--state", "x.db", "--backend", "redis"], "--backend sqlite looks in a state file"),
    (["list", "--namespace", "other"], "--backend redis goes to Redis"),
    (["prune", "--older-than", "7d", "--broker-url", "redis://127.0.0.1:1/1"], "--backend redis goes to Redis"),
    (["logs", "r1", "--insecure"], "--backend redis goes to Redis"),
    (["events", "r1", "--timeout", "1s"], "add --follow, or leave it out"),
    (["show", "r1.fcrun", "--state", "x.db"], "--state means nothing to a run in a file"),
    (["why", "r1.fcrun", "a", "--backend", "sqlite"], "--backend means nothing to a run in a file"),
    (["resume", "r1.fcrun", *REDIS], "--redis-url means nothing to a run in a file"),
    (["diff", "r1.fcrun", "r2.fcrun", "--insecure"], "--insecure means nothing to a run in a file"),
    (["diff", "flow.yaml", "flow.yaml", "--state", "x.db"], "--state means nothing to blueprint files"),
    (["graph", "flow.yaml", "--namespace", "n"], "--namespace means nothing to a blueprint file"),
    (["run", "flow.yaml", "--dry-run", "--graph", "x.svg"], "--graph means nothing with --dry-run"),
    (["run", "flow.yaml", "--dry-run", "--report", "junit=x"], "--report means nothing with --dry-run"),
    (["run", "flow.yaml", "--dry-run", "--timeout", "1s"], "--timeout means nothing with --dry-run"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "hint"), CASES, ids=lambda it: " ".join(it) if isinstance(it, list) else ""
)
def test_an_option_that_would_be_passed_over_is_refused_with_what_to_use(flowcraft, arguments, hint):
    write("flow.yaml", "nodes: [{id: a, uses: noop}]\n")
    done = flowcraft(*arguments)
    assert done.code == 2, done.err
    assert hint in done.err


def test_what_the_environment_says_is_for_other_commands(flowcraft, monkeypatch):
    write("flow.yaml", "nodes: [{id: a, uses: noop}]\n")
    monkeypatch.setenv("FLOWCRAFT_NAMESPACE", "other")
    monkeypatch.setenv("FLOWCRAFT_REDIS_URL", "redis://127.0.0.1:1")
    assert flowcraft("run", "flow.yaml", "--run-id", "r1").code == 0
    monkeypatch.setenv("FLOWCRAFT_STATE", "x.db")
    monkeypatch.setenv("FLOWCRAFT_CONCURRENCY", "3")
    assert flowcraft("list", "--backend", "redis").code == 9


def test_beside_a_run_file_a_place_is_that_of_the_other_run(flowcraft):
    write("flow.yaml", "nodes: [{id: a, uses: noop}]\n")
    assert flowcraft("run", "flow.yaml", "--run-id", "r1", "--state", "x.db").code == 0
    assert flowcraft("export", "r1", "--state", "x.db").code == 0
    assert flowcraft("diff", "r1.fcrun", "r1", "--state", "x.db").code == 0
    assert flowcraft("diff", "r1", "r1.fcrun", "--state", "x.db").code == 0
