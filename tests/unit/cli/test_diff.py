"""`flowcraft diff`."""

from __future__ import annotations

from pathlib import Path

from tests.unit.cli.conftest import write


def test_two_runs_that_differ_end_with_8(flowcraft, chain):
    flowcraft("run", chain, "--run-id", "one", "-i", "n=1")
    flowcraft("run", chain, "--run-id", "two", "-i", "n=2")
    done = flowcraft("diff", "one", "two")
    assert done.code == 8
    assert done.out.splitlines()[:3] == ["first different: input n", "inputs", "    n: 1 → 2"]
    document = flowcraft("diff", "one", "@latest", "--json").json
    assert (document["first"], document["runs"]) == ("input n", ["one", "two"])


def test_two_runs_that_came_to_the_same_end_with_0(flowcraft, chain):
    flowcraft("run", chain, "--run-id", "one")
    flowcraft("run", chain, "--run-id", "two")
    done = flowcraft("diff", "one", "two")
    assert (done.code, done.out) == (0, "")
    assert "came to the same" in done.err


def test_blueprints_are_compared_in_meaning(flowcraft, chain):
    same = write("same.yaml", "# nothing new\n" + Path(chain).read_text())
    assert flowcraft("diff", chain, same).code == 0
    other = write("other.yaml", Path(chain).read_text().replace("n * 2", "n * 3"))
    done = flowcraft("diff", chain, other)
    assert done.code == 8
    assert "~ node b (chain.yaml:5:10 → other.yaml:5:10)" in done.out
    assert "params.values.doubled" in done.out
    document = flowcraft("diff", chain, other, "--json").json
    assert document["changes"][0]["part"] == "node b"


def test_long_commands_are_compared_line_by_line(flowcraft):
    text = "nodes:\n  - id: a\n    uses: shell\n    params:\n      run: |\n        one\n        two\n        three\n"
    old, new = write("old.yaml", text), write("new.yaml", text.replace("two", "2"))
    lines = flowcraft("diff", old, new).out.splitlines()
    assert [line.strip() for line in lines if line.strip()[0] in "+-"] == ["- two", "+ 2"]


def test_a_run_and_a_file_cannot_be_compared(flowcraft, chain):
    flowcraft("run", chain, "--run-id", "one")
    assert flowcraft("diff", "one", chain).code == 2


def test_what_is_not_there_ends_with_7(flowcraft, chain):
    flowcraft("run", chain, "--run-id", "one")
    assert flowcraft("diff", "one", "nobody").code == 7
    assert flowcraft("diff", chain, "missing.yaml").code == 7
