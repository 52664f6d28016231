"""`flowcraft run --report`: written however the run ends, and never in the way of its results."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from junitparser import JUnitXml

from tests.unit.cli.conftest import command, environment, write


@pytest.fixture
def two_attempts():
    script = "echo said to stdout; test -e there || { touch there; exit 1; }"
    node = (
        f"{{id: a, uses: shell, params: {{run: '{script}'}}, config: {{max_retries: 2, retry_delay: 1ms}}}}"
    )
    return write("two.yaml", f"nodes:\n  - {node}\n")


def test_several_reports_at_once(flowcraft, chain, monkeypatch):
    summary = Path("summary.md")
    summary.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(summary))
    reports = ("--report", "junit=out/j.xml", "--report", "html=out/r.html", "--report", "github")
    done = flowcraft("run", chain, *reports)
    assert (done.code, done.json) == (0, {"doubled": 6})
    assert JUnitXml.fromfile("out/j.xml").tests == 2
    assert "<!doctype html>" in Path("out/r.html").read_text()
    assert summary.read_text().startswith("before\n### ✓ chain completed")


def test_a_page_has_what_the_nodes_printed(flowcraft, two_attempts):
    assert flowcraft("run", two_attempts, "--run-id", "r", "--report", "html=at-end.html").code == 0
    assert flowcraft("show", "r", "--html", "later.html").code == 0
    for page in ("at-end.html", "later.html"):
        text = Path(page).read_text()
        assert "said to stdout" in text
        assert "— attempt 2 —" in text


def test_a_failed_run_is_reported_and_annotated_on_stderr(flowcraft, failing):
    done = flowcraft("run", failing, "--json", "--report", "junit=j.xml", "--report", "github=s.md")
    assert done.code == 1
    assert done.json["status"] == "failed"
    assert "::error file=failing.yaml,line=3,col=10,title=failing%3A bad::never [node_failed]" in done.err
    assert JUnitXml.fromfile("j.xml").failures == 1
    assert "### ✗ failing failed" in Path("s.md").read_text()


def test_a_run_that_waits_is_reported(flowcraft, waiting):
    assert flowcraft("run", waiting, "--report", "junit=j.xml").code == 5
    assert JUnitXml.fromfile("j.xml").skipped == 3


def test_a_blueprint_that_is_not_valid_is_reported(flowcraft):
    bad = write("bad.yaml", "nodes:\n  - {id: a, uses: nop}\n")
    done = flowcraft("run", bad, "--report", "junit=j.xml", "--report", "github")
    assert done.code == 3
    assert JUnitXml.fromfile("j.xml").errors == 1
    assert "::error file=bad.yaml,line=2" in done.err


def test_an_interrupted_run_is_reported(process):
    slow = write(
        "slow.yaml", "nodes:\n  - {id: long, uses: shell, params: {run: 'touch begun; sleep 300'}}\n"
    )
    line = command("run", slow, "--report", "junit=j.xml", "--report", "html=r.html")
    with subprocess.Popen(line, env=environment(), stderr=subprocess.PIPE, stdout=subprocess.PIPE) as run:
        _until_there(Path("begun"))
        os.kill(run.pid, signal.SIGINT)
        run.communicate(timeout=60)
    assert run.returncode == 130
    read = JUnitXml.fromfile("j.xml")
    assert read.errors == 2  # the node, and the run
    assert "interrupted" in Path("r.html").read_text()


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("junt=x", "there is no report 'junt'"),
        ("junit", "junit needs a file"),
        ("html=", "html needs a file"),
        ("junit=.", "'.' is a folder"),
        ("junit=chain.yaml/x.xml", "cannot be written there"),
    ],
)
def test_a_report_that_cannot_be_is_refused_before_anything_runs(flowcraft, chain, value, words):
    done = flowcraft("run", chain, "--report", value)
    assert done.code == 2
    assert words in done.err
    assert not Path(".flowcraft").exists()


def test_a_report_that_cannot_be_written_hides_no_results(flowcraft, chain):
    write("folder", "a file by then")
    node = "id: x\nnodes:\n  - {id: a, uses: shell, params: {run: 'rm folder; mkdir folder'}}\n"
    done = flowcraft("run", write("x.yaml", node), "--report", "junit=folder", "--report", "html=r.html")
    assert done.code == 9
    assert done.json["a"]["code"] == 0
    assert "error: the report 'folder' cannot be written" in done.err
    assert Path("r.html").exists()


def _until_there(file: Path) -> None:
    end = time.monotonic() + 60
    while not file.exists():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_files_of_the_current_folder_are_named_as_seen_from_there_however_they_were_typed(
    flowcraft, failing, folder
):
    done = flowcraft("run", str(folder / failing), "--run-id", "r", "--json")
    assert done.json["errors"][0]["location"] == {"file": "failing.yaml", "line": 3, "column": 10}
    assert flowcraft("why", "r", "bad", "--json").json["location"]["file"] == "failing.yaml"
    bad = write("bad.yaml", "nodes:\n  - {id: a, uses: nop}\n")
    assert flowcraft("validate", str(folder / bad), "--json").json["issues"][0]["file"] == "bad.yaml"
    Path("elsewhere").mkdir()
    os.chdir("elsewhere")
    found = flowcraft("validate", str(folder / bad), "--json").json["issues"][0]["file"]
    assert found == str(folder / bad)


def test_annotations_of_a_blueprint_name_its_file_as_seen_from_the_repository(flowcraft, folder, monkeypatch):
    monkeypatch.setenv("GITHUB_WORKSPACE", str(folder))
    Path("flows").mkdir()
    os.chdir("flows")
    bad = write("bad.yaml", "nodes:\n  - {id: a, uses: nop}\n")
    assert "::warning file=flows/bad.yaml,line=2" in flowcraft("validate", bad, "--format", "github").out
    done = flowcraft("run", bad, "--report", "github")
    assert "::error file=flows/bad.yaml,line=2" in done.err


def test_a_blueprint_that_is_not_valid_has_all_reports_too(flowcraft, monkeypatch):
    write("bad.yaml", "nodes:\n  - {id: a, uses: nop}\n")
    Path("r.html").write_text("of the run before")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "summary.md")
    reports = ("--report", "junit=j.xml", "--report", "html=r.html", "--report", "github")
    assert flowcraft("run", "bad.yaml", *reports).code == 3
    for file in ("j.xml", "r.html", "summary.md"):
        written = Path(file).read_text()
        assert "of the run before" not in written
        assert "is not registered" in written
        assert "did you mean" in written
