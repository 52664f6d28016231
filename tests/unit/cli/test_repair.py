"""retry, rerun, pause, unpause and prune, as people type them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.conftest import write

Flowcraft = Callable[..., Any]


@pytest.fixture
def shaky() -> str:
    """Completes when a file `ok` is there."""
    return write(
        "shaky.yaml",
        "id: shaky\n"
        "nodes:\n"
        "  - {id: a, uses: shell, params: {run: 'echo run >> a.log; echo a', parse: text}}\n"
        "  - {id: b, uses: shell, needs: [a], params: {run: 'echo run >> b.log; test -e ok; echo b', parse: text}}\n"
        "  - {id: c, uses: noop, needs: [b]}\n",
    )


@pytest.fixture
def waiting_in_a_sub_run() -> str:
    write("child.yaml", "id: child\nnodes: [{id: ask, uses: wait}]\n")
    return write("parent.yaml", "nodes: [{id: s, uses: subflow, params: {blueprint_id: child}}]\n")


def ran(name: str) -> int:
    return len(Path(f"{name}.log").read_text().splitlines())


def test_retry_repairs_a_failed_run(flowcraft: Flowcraft, shaky: str) -> None:
    failed = flowcraft("run", shaky, "--run-id", "one")
    assert failed.code == 1
    assert failed.err.endswith("to try what failed again: flowcraft retry one\n")
    preview = flowcraft("retry", "one", "--dry-run")
    assert (preview.code, preview.out.strip()) == (0, "one would run again: b, c")
    assert ran("b") == 1
    assert flowcraft("retry", "one").code == 1, "still broken"
    Path("ok").touch()
    again = flowcraft("retry", "one", "--json")
    assert (again.code, again.json["status"], again.json["generation"]) == (0, "completed", 3)
    assert (ran("a"), ran("b")) == (1, 3)
    refused = flowcraft("retry", "one")
    assert refused.code == 7
    assert "nothing to retry" in refused.err
    assert "rerun one --from NODE" in refused.err


def test_rerun_repeats_a_node_and_what_follows(flowcraft: Flowcraft, shaky: str) -> None:
    Path("ok").touch()
    flowcraft("run", shaky, "--run-id", "one")
    preview = flowcraft("rerun", "one", "--from", "b", "--dry-run", "--json")
    assert preview.json["runs"][0]["again"] == [{"run_id": "one", "anew": ["b", "c"], "goes_on": []}]
    done = flowcraft("rerun", "one", "--from", "b")
    assert done.code == 0
    assert "one runs again: b, c" in done.err
    assert (ran("a"), ran("b")) == (1, 2)
    assert flowcraft("rerun", "one", "--from", "nobody").code == 7
    assert flowcraft("rerun", "one").code == 2, "--from is needed"


def test_many_runs_are_retried_by_filters(flowcraft: Flowcraft, shaky: str, failing: str) -> None:
    for name in ("one", "two"):
        flowcraft("run", shaky, "--run-id", name)
    flowcraft("run", failing, "--run-id", "other")
    Path("ok").touch()
    preview = flowcraft("retry", "--status", "failed", "--blueprint", "shaky", "--since", "1h", "--dry-run")
    assert preview.out.splitlines() == ["one would run again: b, c", "two would run again: b, c"]
    done = flowcraft("retry", "--blueprint", "shaky", "--json")
    assert done.code == 0
    assert [(run["run_id"], run["status"]) for run in done.json["runs"]] == [
        ("one", "completed"),
        ("two", "completed"),
    ]
    assert flowcraft("retry", "--status", "failed", "-q").code == 1, "the other one fails again"
    nothing = flowcraft("retry", "--blueprint", "shaky")
    assert (nothing.code, nothing.err.strip()) == (0, "nothing to do: no runs are meant by this")


@pytest.mark.parametrize(
    "arguments", [(), ("one", "--status", "failed"), ("--status", "completed"), ("--since", "soon")]
)
def test_retry_used_wrongly_says_so(flowcraft: Flowcraft, arguments: tuple[str, ...]) -> None:
    assert flowcraft("retry", *arguments).code == 2


def test_a_paused_run_says_how_to_go_on(flowcraft: Flowcraft, waiting: str) -> None:
    flowcraft("run", waiting, "--run-id", "one")
    paused = flowcraft("pause", "one")
    assert paused.code == 0
    assert "flowcraft unpause one" in paused.err
    assert "paused already" in flowcraft("pause", "one").err
    assert flowcraft("list", "--json").json["runs"][0]["status"] == "paused"
    assert flowcraft("list", "--status", "paused", "--json").json["runs"][0]["run_id"] == "one"
    answered = flowcraft("resume", "one", "--action", "approve")
    assert answered.code == 5
    assert "paused: go on with: flowcraft unpause one" in answered.err
    checked = flowcraft("reconcile", "one", "--check")
    assert checked.code == 0
    assert "flowcraft unpause" in checked.err
    assert flowcraft("unpause", "one").code == 0
    again = flowcraft("unpause", "one")
    assert again.code == 7
    assert "is not paused" in again.err
    assert flowcraft("pause", "one").code == 7


def test_a_paused_run_can_be_cancelled(flowcraft: Flowcraft, waiting: str) -> None:
    flowcraft("run", waiting, "--run-id", "one")
    flowcraft("pause", "one")
    assert flowcraft("cancel", "one").code == 0
    assert flowcraft("show", "one", "--json").json["status"] == "cancelled"


def test_prune_forgets_what_ended_long_ago(
    flowcraft: Flowcraft, chain: str, failing: str, waiting: str
) -> None:
    flowcraft("run", chain, "--run-id", "good")
    flowcraft("run", failing, "--run-id", "bad")
    flowcraft("run", waiting, "--run-id", "open")
    assert flowcraft("prune", "--older-than", "1h", "--json").json["runs"] == []
    preview = flowcraft("prune", "--older-than", "0s", "--dry-run", "--json").json
    assert [run["run_id"] for run in preview["runs"]] == ["bad", "good"]
    done = flowcraft("prune", "--older-than", "0s", "--status", "failed")
    assert done.err.strip() == "1 run forgotten"
    assert flowcraft("show", "bad").code == 7
    assert flowcraft("show", "good").code == 0
    flowcraft("prune", "--older-than", "0s")
    assert [run["run_id"] for run in flowcraft("list", "--json").json["runs"]] == ["open"]
    assert flowcraft("prune").code == 2


def test_what_is_pruned_stands_in_columns(flowcraft: Flowcraft, chain: str) -> None:
    for run_id in ("r", "a-longer-id"):
        flowcraft("run", chain, "--run-id", run_id, "-q")
    lines = flowcraft("prune", "--older-than", "0s").out.splitlines()
    assert len({line.index("completed") for line in lines}) == 1


def test_nothing_to_prune_makes_no_file(flowcraft: Flowcraft) -> None:
    assert flowcraft("prune", "--older-than", "1d").err.strip() == "0 runs forgotten"
    assert not Path(".flowcraft").exists()


def test_a_sub_run_that_waited_before_tells_only_what_is_new(
    flowcraft: Flowcraft, waiting_in_a_sub_run: str
) -> None:
    flowcraft("run", waiting_in_a_sub_run, "--run-id", "p")
    done = flowcraft("resume", "p")
    assert done.code == 0
    assert "s › ask completed" in done.err
    assert "s › ask started" not in done.err


def test_a_node_whose_sub_run_is_repeated_is_drawn_as_waiting(
    flowcraft: Flowcraft, waiting_in_a_sub_run: str
) -> None:
    flowcraft("run", waiting_in_a_sub_run, "--run-id", "p")
    assert "under way" in flowcraft("show", "p").out
    flowcraft("cancel", "p:s")
    assert "under way" not in flowcraft("show", "p").out
    assert flowcraft("retry", "p").code == 5
    assert "under way" in flowcraft("show", "p").out
