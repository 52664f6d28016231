"""What CI systems get: JUnit XML and the annotations and summary of GitHub, against kept ones.

To keep new ones after looking at them: FLOWCRAFT_KEEP_GOLDEN=1.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from junitparser import JUnitXml

from flowcraft_engine import FlowRuntime, NodeRegistry, load_blueprint
from flowcraft_engine.blueprint import check_blueprint_file
from flowcraft_engine.reports.dossier import Dossier, read_dossier
from flowcraft_engine.reports.github import MOST_ANNOTATIONS, annotations_of, job_summary
from flowcraft_engine.reports.junit import junit_of_findings, junit_report
from tests.unit.reports import shop
from tests.unit.reports.ask import boom, dossier_of

pytestmark = pytest.mark.asyncio
GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def agree(name: str, text: str) -> None:
    """The same as the kept one."""
    path = GOLDEN / name
    if os.environ.get("FLOWCRAFT_KEEP_GOLDEN"):
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8"), (
        f"{name} differs; FLOWCRAFT_KEEP_GOLDEN=1 keeps the new one"
    )


async def test_the_junit_report_is_the_kept_one(folder: Path) -> None:
    agree("shop.xml", junit_report(await shop.shop_run(folder)))


async def test_the_summary_of_the_job_is_the_kept_one(folder: Path) -> None:
    agree("shop.md", job_summary(await shop.shop_run(folder)))


async def test_the_annotations_are_the_kept_ones(folder: Path) -> None:
    repository = os.path.commonpath([folder, shop.__file__])
    lines = annotations_of(await shop.shop_run(folder), repository, str(Path(shop.__file__).parent))
    told = "\n".join(lines).replace(os.path.relpath(folder, repository), "FOLDER")
    agree("shop.txt", told.replace(os.path.relpath(shop.__file__, repository), "REPOSITORY/shop.py") + "\n")


async def test_no_data_of_a_run_begins_a_command_or_an_element(folder: Path) -> None:
    run = await shop.shop_run(folder)
    assert not any("\n" in line or "\x1b" in line for line in annotations_of(run, str(folder)))
    summary = job_summary(run)
    assert "<b>" not in summary and "@octocat" not in summary and "</script>" not in summary


async def test_a_parser_of_the_ecosystem_reads_the_junit_report(folder: Path) -> None:
    read = JUnitXml.fromstring(junit_report(await shop.shop_run(folder)).encode())
    suites = list(read)
    assert [suite.name for suite in suites] == ["payments 1.2.0", "child"]
    assert (suites[0].tests, suites[0].failures, suites[0].errors, suites[0].skipped) == (12, 1, 0, 2)
    cases = {case.name: case for case in suites[0]}
    assert cases["sub"].result[0].type == "subflow_failed"
    assert cases["charge"].is_passed and "rescued by manual" in cases["charge"].system_out
    assert cases["send"].is_skipped and cases["send"].result[0].message.startswith("poisoned by sub")
    assert cases["flaky"].time == pytest.approx(6.0)
    assert {prop.name: prop.value for prop in suites[0].properties()}["run_id"] == "golden"


async def test_an_interrupted_run_has_an_error_and_no_silent_cases() -> None:
    run = await dossier_of("A -> W:wait -> B")
    run.result = replace(run.result, status="interrupted")
    read = JUnitXml.fromstring(junit_report(run).encode())
    assert read.errors == 1 and read.skipped == 2
    assert any("interrupted" in line for line in annotations_of(run, "/nowhere"))


async def test_a_cancelled_run_says_so_and_why() -> None:
    run = await dossier_of("A")
    run.result = replace(run.result, status="cancelled", cancel_reason="not today")
    assert "the run was cancelled: not today" in junit_report(run)


async def test_a_wait_is_a_notice_that_says_how_to_answer() -> None:
    run = await dossier_of("W:wait", patch={"W": {"params": {"message": "go on?"}}})
    (notice,) = annotations_of(run, "/nowhere")
    assert notice.startswith("::notice title=main%3A W waits for a person::go on?%0Aflowcraft resume run")


async def test_github_gets_no_more_annotations_than_it_shows() -> None:
    run = await dossier_of("; ".join(f"A{n}" for n in range(40)), {f"A{n}": boom for n in range(40)})
    assert len(annotations_of(run, "/nowhere")) == MOST_ANNOTATIONS
    assert "and 10 more" in job_summary(run)
    assert "10 of 40 failures are annotated at their lines, 30 more are not" in job_summary(run)


async def test_every_failure_is_annotated_before_any_is_annotated_twice() -> None:
    names = [f"A{n}" for n in range(8)]
    run = await dossier_of("; ".join(names), dict.fromkeys(names, boom))
    lines = annotations_of(run, os.getcwd())
    assert [name for name in names if any(f"main%3A {name}::" in line for line in lines)] == names
    assert "annotated" not in job_summary(run)


def lookup() -> None:
    raise KeyError(1)


async def test_an_exception_is_named_once(monkeypatch: pytest.MonkeyPatch) -> None:
    root = str(Path(__file__).parent)
    monkeypatch.chdir(root)
    run = await dossier_of("A", {"A": lookup})
    (line,) = [it for it in annotations_of(run, root, root) if Path(__file__).name in it]
    assert line.endswith("::KeyError: 1 [node_failed]")


async def test_a_blueprint_that_is_not_valid_is_reported_line_by_line(folder: Path) -> None:
    (folder / "bad.yaml").write_text("nodes:\n  - {id: a, uses: noop, needs: [b]}\n")
    _, findings = check_blueprint_file("bad.yaml")
    read = JUnitXml.fromstring(junit_of_findings("bad.yaml", findings).encode())
    (case,) = next(iter(read))
    assert (case.name, read.errors) == ("edge_source_missing", 1) or read.errors == 1
    assert case._elem.get("line") == "2"


async def test_ten_thousand_nodes_make_a_report_of_bounded_length() -> None:
    run: Dossier = await dossier_of("E:each(rows)", inputs={"rows": list(range(3000))})
    assert len(job_summary(run)) < 40_000
    assert JUnitXml.fromstring(junit_report(run).encode()).tests == 3001


async def test_a_run_that_completed_has_no_failures_whatever_happened_on_the_way(folder: Path) -> None:
    (folder / "inner.yaml").write_text("id: inner\nnodes:\n  - {id: bad, uses: boom}\n")
    (folder / "outer.yaml").write_text(
        "id: outer\nnodes:\n"
        "  - {id: sub, uses: subflow, params: {blueprint_id: inner}, config: {fallback: instead}}\n"
        "  - {id: instead, uses: noop}\n"
        "  - {id: rows, uses: boom, for_each: [1, 2], on_item_error: collect}\n"
    )
    runtime = FlowRuntime(registry=NodeRegistry([boom]), blueprints=[load_blueprint("inner.yaml")])
    assert (await runtime.run(load_blueprint("outer.yaml"), run_id="run")).status == "completed"
    run = await read_dossier(runtime.store, "run", 2e9)
    read = JUnitXml.fromstring(junit_report(run).encode())
    assert (read.tests, read.failures, read.errors) == (6, 0, 0)
    lines = annotations_of(run, str(folder))
    assert lines and all(line.startswith("::warning") for line in lines)
    assert any("(collected by its batch)" in line for line in lines)
    assert sum("(rescued by its fallback)" in line for line in lines) >= 2, "in the sub-run, too"


async def test_the_summary_of_a_waiting_run_says_how_to_answer() -> None:
    run = await dossier_of("W:wait", patch={"W": {"params": {"message": "go on?"}}})
    summary = job_summary(run)
    assert "#### Waits for" in summary and "flowcraft resume run --node W" in summary
