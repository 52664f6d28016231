"""`flowcraft show`: the tree, the timeline, one node in full, and the page."""

from __future__ import annotations

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
