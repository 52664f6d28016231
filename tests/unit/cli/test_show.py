"""`flowcraft show`: the tree, the timeline, one node in full, and the page."""

from __future__ import annotations

import re
import time
from pathlib import Path

from junitparser import JUnitXml

from tests.unit.cli.conftest import write


def retried() -> str:
    write(
        "shop_nodes.py",
        "from flowcraft_engine import node\n\n@node\ndef flaky(ctx):\n"
        "    if ctx.attempt < 2:\n        raise ValueError('no luck')\n    return {'ok': True}\n",
    )
    return write(
        "retried.yaml",
        "id: retried\n"
        "nodes:\n"
        "  - {id: one, uses: noop}\n"
        "  - {id: two, uses: flaky, needs: [one], config: {max_retries: 2, retry_delay: 200ms}}\n"
        "  - {id: nap, uses: sleep, needs: [one], params: {duration: 300ms}}\n",
    )


def test_the_timeline_has_a_bar_for_each_attempt_and_fits(flowcraft, monkeypatch):
    flowcraft("run", retried(), "--app", "shop_nodes", "--run-id", "r1")
    for width in (50, 80, 140):
        monkeypatch.setenv("COLUMNS", str(width))
        lines = flowcraft("show", "r1").out.splitlines()
        assert all(len(line) <= width for line in lines[1:]), width
        (bar,) = [line for line in lines if line.startswith("  two ") and "·" in line and "█" in line]
        assert bar.index("✗") < bar.index("·") < bar.rindex("█")
        assert any("░" in line and line.startswith("  nap ") for line in lines)
    assert "█ ran  ✗ failed  ░ waited  · between attempts" in lines[-2] + lines[-3]


def test_without_symbols_the_timeline_is_ascii(process):
    process("run", retried(), "--app", "shop_nodes", "--run-id", "r1")
    done = process("show", "r1", PYTHONIOENCODING="ascii")
    assert done.code == 0
    assert done.out.isascii()
    assert "x..." in done.out


def test_a_node_in_full_has_its_attempts_input_and_output(flowcraft, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    flowcraft("run", retried(), "--app", "shop_nodes", "--run-id", "r1")
    done = flowcraft("show", "r1", "two")
    assert "attempt 1 of 2: no luck [node_failed], ValueError at shop_nodes.py:6 in flaky" in done.out
    assert '"ok": true' in done.out
    document = flowcraft("show", "r1", "two", "--json").json
    assert document["output"] == {"ok": True}
    assert [(span["kind"], span["outcome"]) for span in document["timeline"]] == [
        ("running", "failed"),
        ("retrying", "due"),
        ("running", "completed"),
    ]


def test_the_nodes_of_a_sub_run_stand_below_the_node_that_started_it(flowcraft):
    write(
        "inner.yaml", "id: inner\nnodes:\n  - {id: bad, uses: check, params: {that: 1 > 2, message: never}}\n"
    )
    outer = write(
        "outer.yaml", "id: outer\nnodes:\n  - {id: sub, uses: subflow, params: {blueprint_id: inner}}\n"
    )
    flowcraft("run", outer, "--run-id", "r1")
    lines = flowcraft("show", "r1").out.splitlines()
    (parent,) = [number for number, line in enumerate(lines) if line.startswith("  ✗ sub")]
    assert lines[parent + 1].startswith("      ✗ bad")


def test_the_error_of_a_sub_run_names_the_line_of_the_node(flowcraft):
    write(
        "bad_nodes.py", "from flowcraft_engine import node\n\n@node\ndef bad():\n    raise ValueError('no')\n"
    )
    write("inner.yaml", "id: inner\nnodes:\n  - {id: bad, uses: bad}\n")
    outer = write(
        "outer.yaml", "id: outer\nnodes:\n  - {id: sub, uses: subflow, params: {blueprint_id: inner}}\n"
    )
    done = flowcraft("run", outer, "--app", "bad_nodes")
    assert "(ValueError at bad_nodes.py:5 in bad)" in done.err


def test_a_page_is_written(flowcraft, chain):
    flowcraft("run", chain, "--run-id", "r1")
    done = flowcraft("show", "r1", "--html", "pages/r1.html")
    assert (done.code, done.out) == (0, "")
    assert "wrote pages/r1.html" in done.err
    assert Path("pages/r1.html").read_text().startswith("<!doctype html>")


def test_a_page_that_cannot_be_written_is_refused(flowcraft, chain):
    flowcraft("run", chain, "--run-id", "r1")
    assert flowcraft("show", "r1", "--html", "chain.yaml/x.html").code == 2


def test_reports_of_a_kept_run_are_written_later(flowcraft, failing):
    flowcraft("run", failing, "--run-id", "r1")
    done = flowcraft("show", "r1", "--report", "junit=j.xml", "--report", "github", "--html", "r.html")
    assert (done.code, done.out) == (0, "")
    assert "::error file=failing.yaml,line=3" in done.err
    assert JUnitXml.fromfile("j.xml").failures == 1
    assert Path("r.html").exists()


def test_nobody_is_asked_to_answer_a_run_that_only_sleeps(flowcraft):
    sleeping = write("sleeping.yaml", "nodes:\n  - {id: nap, uses: sleep, params: {duration: 1h}}\n")
    assert flowcraft("run", sleeping, "--run-id", "r1", "--timeout", "100ms").code == 6
    shown = flowcraft("show", "r1").out
    assert "flowcraft resume" not in shown
    assert shown.splitlines()[-1] == "continue with: flowcraft reconcile r1"


def test_a_wait_whose_time_is_over_cannot_be_answered(flowcraft):
    asking = write("asking.yaml", "nodes:\n  - {id: ask, uses: wait, params: {timeout: 1s}}\n")
    assert flowcraft("run", asking, "--run-id", "r1").code == 5
    time.sleep(1)
    late = flowcraft("resume", "r1", "--output", "1")
    assert (late.code, "the time for an answer to 'ask' is over" in late.err) == (7, True)
    for told in (flowcraft("show", "r1"), flowcraft("why", "r1", "ask"), late):
        assert "flowcraft reconcile r1" in told.out + told.err
        assert "flowcraft resume" not in told.out
    assert flowcraft("reconcile", "r1").code == 1


def test_a_batch_that_has_collected_failures_says_how_many(flowcraft, monkeypatch):
    many = write(
        "some.yaml",
        "nodes:\n"
        "  - {id: each, uses: check, for_each: [1, 0, 2], on_item_error: collect, params: {that: item > 1}}\n"
        "  - {id: one, uses: check, for_each: [1, 0], on_item_error: collect, params: {that: item > 0}}\n",
    )
    assert flowcraft("run", many, "--run-id", "r1").code == 0
    lines = [line.split() for line in flowcraft("show", "r1").out.splitlines()]
    told = {line[1]: line[4:7] for line in lines if line[:1] == ["✓"] and "[" not in line[1]}
    assert told["each"] == ["2", "failed", "items"]
    assert told["one"] == ["1", "failed", "item"]


def test_a_long_list_of_items_says_how_to_see_all(flowcraft):
    many = write(
        "many.yaml",
        "inputs: {numbers: {type: array, required: true}}\n"
        "nodes:\n  - {id: each, uses: noop, for_each: numbers}\n",
    )
    assert flowcraft("run", many, "-i", f"numbers={list(range(200))}", "--run-id", "r1").code == 0
    assert "more: flowcraft show r1 --json" in flowcraft("show", "r1").out


def test_a_run_is_shown_although_a_rerun_has_removed_iterations_of_it(flowcraft):
    write(
        "loop.yaml",
        "nodes:\n"
        "  - {id: first, uses: set, params: {values: {n: 0}}}\n"
        "  - {id: again, needs: [first], loop: {start: each, end: count, condition: n < 1}}\n"
        "  - {id: each, uses: noop, for_each: [1, 2]}\n"
        "  - {id: count, uses: set, needs: [each], params: {values: {n: 1}}}\n",
    )
    flowcraft("run", "loop.yaml", "--run-id", "r1")
    assert flowcraft("rerun", "r1", "--from", "again").code == 0
    done = flowcraft("show", "r1", "--html", "r1.html")
    assert done.code == 0
    assert "each#1[0]" in flowcraft("show", "r1").out  # in the timeline: it did run
    page = Path("r1.html").read_text()
    links = set(re.findall(r'href="#([^"]+)"', page))
    assert links and all(f'id="{link}"' in page for link in links)
