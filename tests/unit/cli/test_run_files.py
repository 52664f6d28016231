"""export and import, and the other commands on a run file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.unit.cli.conftest import write

Flowcraft = Callable[..., Any]


@pytest.fixture
def release() -> str:
    write("child.yaml", "id: child\nnodes:\n  - {id: ask, uses: wait, params: {message: 'ship it?'}}\n")
    return write(
        "release.yaml",
        "id: release\n"
        "nodes:\n"
        "  - {id: build, uses: shell, params: {run: 'echo run >> build.log; echo built', parse: text}}\n"
        "  - {id: approval, uses: subflow, needs: [build], params: {blueprint_id: child}}\n"
        "  - {id: ship, uses: shell, needs: [approval], params: {run: 'echo shipping; test ! -e broken'}}\n",
    )


def test_another_machine_goes_on_with_a_file(flowcraft: Flowcraft, release: str, folder: Path) -> None:
    assert flowcraft("run", release, "--run-id", "r1").code == 5
    exported = flowcraft("export", "r1", "-o", "run.fcrun")
    assert (exported.code, exported.err) == (0, "run r1 with 1 sub-run is in run.fcrun\n")
    write("broken", "")
    Path(".flowcraft").rename("gone")
    shown = flowcraft("show", "run.fcrun")
    assert shown.code == 0
    assert "flowcraft resume run.fcrun" in shown.out
    assert "flowcraft resume run.fcrun" in flowcraft("wait", "run.fcrun").err
    assert flowcraft("resume", "run.fcrun", "--output", "yes").code == 1, "shipping is broken"
    assert flowcraft("show", "run.fcrun", "--json").json["status"] == "failed"
    assert "shipping" in flowcraft("logs", "run.fcrun", "ship").out
    Path("broken").unlink()
    assert flowcraft("retry", "run.fcrun").code == 0
    assert not Path(".flowcraft").exists(), "nothing but the file was touched"
    assert Path("build.log").read_text() == "run\n"
    Path("gone").rename(".flowcraft")
    imported = flowcraft("import", "run.fcrun", "--json")
    assert (imported.code, imported.json["status"]) == (0, "completed")
    assert flowcraft("show", "r1", "--json").json["status"] == "completed"
    assert "nothing to do" in flowcraft("import", "run.fcrun").err


def test_parts_of_a_file_have_names(flowcraft: Flowcraft, release: str) -> None:
    flowcraft("run", release, "--run-id", "r1")
    assert flowcraft("export", "r1", "--json").json["file"] == "r1.fcrun"
    assert flowcraft("show", "r1.fcrun:approval", "--json").json["blueprint_id"] == "child"
    assert flowcraft("show", "r1.fcrun:nobody").code == 7
    assert flowcraft("events", "r1.fcrun", "--json").json["run_id"] == "r1"
    assert flowcraft("cancel", "r1.fcrun").code == 0
    assert flowcraft("show", "r1.fcrun", "--json").json["status"] == "cancelled"
    assert flowcraft("show", "r1", "--json").json["status"] == "waiting"
    assert flowcraft("import", "r1.fcrun").code == 0
    assert flowcraft("show", "r1", "--json").json["status"] == "cancelled"


def test_logs_may_be_left_out(flowcraft: Flowcraft, release: str) -> None:
    flowcraft("run", release, "--run-id", "r1")
    flowcraft("export", "r1", "--without-logs")
    assert flowcraft("logs", "r1.fcrun").out == ""
    assert flowcraft("logs", "r1").out != ""


def test_what_is_no_run_file_is_refused_with_a_sentence(flowcraft: Flowcraft, chain: str) -> None:
    write("other.fcrun", "hello")
    for verb in ("show", "import", "logs", "retry"):
        refused = flowcraft(verb, "other.fcrun")
        assert refused.code == 3
        assert "other.fcrun is not a run file" in refused.err
        assert "Traceback" not in refused.err
    assert flowcraft("show", "nothing.fcrun").code == 7
    flowcraft("run", chain, "--run-id", "r1")
    assert flowcraft("export", "r1", "-o", "run.txt").code == 2
    assert flowcraft("export", "nobody").code == 7


def test_files_are_compared_explained_and_drawn_like_runs(flowcraft: Flowcraft, release: str) -> None:
    flowcraft("run", release, "--run-id", "r1")
    flowcraft("export", "r1", "-o", "before.fcrun")
    flowcraft("export", "r1", "-o", "after.fcrun")
    assert flowcraft("resume", "after.fcrun", "--output", "yes").code == 0
    for pair in (["before.fcrun", "after.fcrun"], ["r1", "after.fcrun"], ["after.fcrun", "r1"]):
        diff = flowcraft("diff", *pair)
        assert diff.code == 8
        assert "ship" in diff.out
    assert flowcraft("diff", "r1", "before.fcrun").err == "r1 and before.fcrun came to the same\n"
    why = flowcraft("why", "before.fcrun", "approval").out
    assert "next: flowcraft resume before.fcrun:approval --node ask" in why
    assert "next: flowcraft resume before.fcrun:approval" in flowcraft("show", "before.fcrun", "approval").out
    assert "waiting" in flowcraft("graph", "before.fcrun").out


def test_a_file_that_cannot_be_read_leaves_nothing_behind(flowcraft: Flowcraft, folder: Path) -> None:
    ended = flowcraft("import", "missing.fcrun")
    assert ended.code == 7
    assert "missing.fcrun" in ended.err
    assert not Path(".flowcraft").exists()


@pytest.mark.parametrize("order", ["imported first", "imported last"])
def test_a_blueprint_of_a_run_file_takes_no_folder_away_from_other_runs(flowcraft, folder, order):
    (folder / "flows").mkdir()
    file = write(
        "flows/where.yaml",
        "nodes:\n  - {id: ask, uses: wait}\n"
        "  - {id: where, uses: shell, needs: [ask], params: {run: 'basename $PWD', parse: text}}\n",
    )
    flowcraft("run", file, "--run-id", "r1", "--state", "elsewhere.db")
    flowcraft("export", "r1", "--state", "elsewhere.db")
    steps = [("import", "r1.fcrun"), ("run", file, "--run-id", "r2")]
    for step in steps if order == "imported first" else reversed(steps):
        assert flowcraft(*step).code in (0, 5)
    assert flowcraft("resume", "r2").json == {"where": "flows"}


def test_no_run_begins_under_an_id_that_commands_would_take_for_a_file(
    flowcraft: Flowcraft, release: str
) -> None:
    refused = flowcraft("run", release, "--run-id", "r1.fcrun")
    assert refused.code == 2
    assert "does not end with .fcrun" in refused.err
    assert flowcraft("run", release, "--run-id", "r1.fcrun.2").code == 5
    assert flowcraft("show", "r1.fcrun.2").code == 0
