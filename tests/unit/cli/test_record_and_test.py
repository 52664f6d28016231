"""`flowcraft record` and `flowcraft test`."""

from __future__ import annotations

from pathlib import Path

import pytest
from junitparser import JUnitXml

from tests.unit.cli.conftest import write


@pytest.fixture
def shop(flowcraft) -> str:
    """A kept run of a blueprint with a node of the user's, and a file that proves when that is executed."""
    write(
        "shop_nodes.py",
        "from pathlib import Path\nfrom flowcraft_engine import node\n\n@node\ndef price(input):\n"
        "    Path('executed').write_text('yes')\n    return {'total': 60}\n",
    )
    write(
        "shop.yaml",
        "id: shop\nnodes:\n  - {id: price, uses: price}\n  - {id: big, uses: noop}\n  - {id: small, uses: noop}\n"
        "  - {id: ask, uses: wait, needs: [small]}\n  - {id: nap, uses: sleep, params: {duration: 1ms}, needs: [ask]}\n"
        "edges:\n  - {source: price, target: big, condition: result.output.total > 100}\n"
        "  - {source: price, target: small, condition: result.output.total <= 100}\n",
    )
    flowcraft("run", "shop.yaml", "--app", "shop_nodes", "--run-id", "r1")
    assert flowcraft("resume", "r1", "--output", '"go"').code == 0
    Path("executed").unlink()
    return "r1"


def test_a_recorded_run_is_played_again_without_the_users_code(flowcraft, shop):
    done = flowcraft("record", shop, "-o", "cases/small.yaml")
    assert (done.code, done.out) == (0, "")
    assert "wrote cases/small.yaml" in done.err and "warning" not in done.err
    text = Path("cases/small.yaml").read_text()
    assert "blueprint: ../shop.yaml" in text and "total: 60" in text
    done = flowcraft("test", "cases")
    assert (done.code, done.out) == (0, "✓ cases/small.yaml\n")
    assert not Path("executed").exists()


def test_a_changed_blueprint_fails_and_says_why(flowcraft, shop):
    flowcraft("record", shop, "-o", "cases/small.yaml")
    write("shop.yaml", Path("shop.yaml").read_text().replace("> 100", "> 50").replace("<= 100", "<= 50"))
    done = flowcraft("test", "cases", "--report", "junit=out/j.xml")
    assert done.code == 1
    assert "✗ cases/small.yaml" in done.out
    assert "small did not run: skipped: the edge price -> small was not taken" in done.out
    assert "(result.output.total = 60)" in done.out
    assert "0 passed, 1 failed" in done.err
    read = JUnitXml.fromfile("out/j.xml")
    assert (read.tests, read.failures) == (1, 1)
    document = flowcraft("test", "cases", "--json").json
    assert (document["failed"], document["cases"][0]["passed"]) == (1, False)


def test_without_a_file_the_case_goes_to_stdout_and_can_be_played_from_there(flowcraft, shop):
    done = flowcraft("record", shop)
    write("case.yaml", done.out)
    assert flowcraft("test", "case.yaml").code == 0


def test_a_file_that_is_there_is_not_replaced_by_accident(flowcraft, shop):
    write("case.yaml", "mine")
    assert flowcraft("record", shop, "-o", "case.yaml").code == 2
    assert Path("case.yaml").read_text() == "mine"
    assert flowcraft("record", shop, "-o", "case.yaml", "--force").code == 0


def test_a_blueprint_from_stdin_is_kept_in_the_case(process):
    process("run", "-", "--run-id", "r1", stdin="id: x\nnodes:\n  - {id: a, uses: noop}\n")
    process("record", "r1", "-o", "case.yaml")
    assert "uses: noop" in Path("case.yaml").read_text()
    assert process("test", "case.yaml").code == 0


def test_a_cancelled_run_cannot_be_recorded(flowcraft, waiting):
    flowcraft("run", waiting, "--run-id", "w1")
    flowcraft("cancel", "w1")
    done = flowcraft("record", "w1")
    assert done.code == 7
    assert "only a run that has ended by itself" in done.err


def test_a_case_that_is_wrong_fails_with_its_sentence_and_the_others_are_played(flowcraft, shop):
    flowcraft("record", shop, "-o", "cases/good.yaml")
    write("cases/bad.yaml", "blueprint: ../missing.yaml\nexpect: {}\n")
    done = flowcraft("test", "cases")
    assert done.code == 1
    assert "✗ cases/bad.yaml" in done.out and "missing.yaml" in done.out
    assert "1 passed, 1 failed" in done.err


def test_what_is_wrong_with_a_case_is_told_with_its_place(flowcraft):
    write("empty.yaml", "")
    assert "    empty.yaml:1:1: the case is empty (flowcraft record" in flowcraft("test", "empty.yaml").out
    write("twice.yaml", "blueprint: x.yaml\nexpect: {}\nexpect: {}\nblueprint: y\n")
    done = flowcraft("test", "twice.yaml")
    assert "    twice.yaml:3:1: error:" in done.out
    assert "    twice.yaml:4:1: error:" in done.out


def test_no_cases_is_no_success(flowcraft, chain):
    assert flowcraft("test", ".").code == 7
    assert flowcraft("test", "nowhere").code == 7
    assert flowcraft("test", chain, "--report", "html=x").code == 2


def test_of_a_run_that_was_repaired_its_last_results_are_recorded(flowcraft, folder):
    write(
        "child.yaml", "id: child\nnodes:\n  - {id: c, uses: shell, params: {run: 'test -e there; echo c'}}\n"
    )
    repaired = write(
        "repaired.yaml",
        "nodes:\n"
        "  - {id: a, uses: shell, params: {run: 'test -e there; echo a', parse: text}}\n"
        "  - {id: sub, uses: subflow, params: {blueprint_id: child}}\n",
    )
    assert flowcraft("run", repaired, "--run-id", "r", "-q").code == 1
    Path("there").touch()
    assert flowcraft("retry", "r", "-q").code == 0
    recorded = flowcraft("record", "r", "-o", "case.yaml")
    assert (recorded.code, recorded.err) == (0, "wrote case.yaml\n")
    assert flowcraft("test", "case.yaml").code == 0


def test_the_error_that_an_all_done_node_was_given_comes_again_with_its_cause(flowcraft):
    write("bad_nodes.py", "from flowcraft_engine import node\n\n@node\ndef boom():\n    return {}[1]\n")
    write("inner.yaml", "id: inner\nnodes:\n  - {id: bad, uses: boom}\n")
    write(
        "flow.yaml",
        "nodes:\n  - {id: bad, uses: boom}\n  - {id: sub, uses: subflow, params: {blueprint_id: inner}}\n"
        # Nothing else may be over before that, or the command ends at the wait.
        "  - {id: late, uses: wait, params: {timeout: 1ms}}\n"
        "  - {id: nap, uses: sleep, params: {duration: 100ms}}\n"
        "  - {id: tidy, uses: noop, needs: [bad, sub, late], config: {join_strategy: all_done}}\n",
    )
    assert flowcraft("run", "flow.yaml", "--app", "bad_nodes", "--run-id", "r1").code == 1
    given = flowcraft("show", "r1", "--json").json["outputs"]["tidy"]
    assert given["bad"]["error"]["cause"] == {
        "type": "KeyError",
        "file": "bad_nodes.py",
        "line": 5,
        "function": "boom",
    }
    assert given["sub"]["error"]["cause"]["run_id"] == "r1:sub"
    assert "warning" not in flowcraft("record", "r1", "-o", "case.yaml").err
    done = flowcraft("test", "case.yaml")
    assert (done.code, done.out) == (0, "✓ case.yaml\n")


def test_a_case_needs_no_secrets(flowcraft, monkeypatch):
    write(
        "secret.yaml",
        "id: s\nnodes:\n  - {id: a, uses: shell, params: {run: 'true', env: {T: '${{ secret(\"TOKEN\") }}'}}}\n"
        "  - {id: b, uses: set, needs: [a], params: {values: {t: '<${{ secret(\"TOKEN\") }}>'}}}\n",
    )
    monkeypatch.setenv("TOKEN", "hunter2hunter2")
    assert flowcraft("run", "secret.yaml", "--run-id", "r").code == 0
    monkeypatch.delenv("TOKEN")
    assert "warning" not in flowcraft("record", "r", "-o", "case.yaml").err
    assert "t: <***>" in Path("case.yaml").read_text()
    assert flowcraft("test", "case.yaml").code == 0


@pytest.mark.parametrize(
    ("blueprint", "words"),
    [
        ("{id: x, nodes: 5}", "nodes must be a list of nodes"),
        ("{foo: 1}", "foo"),
        ("{id: x, nodes: [{id: a, uses: noop}], edges: [{source: a, target: zz}]}", "'zz'"),
    ],
)
def test_a_blueprint_that_is_wrong_in_its_case_is_told(flowcraft, blueprint, words):
    write("case.yaml", f"blueprint: {blueprint}\nexpect: {{status: completed}}\n")
    done = flowcraft("test", "case.yaml")
    assert done.code == 1
    assert words in done.out


def test_a_blueprint_in_its_case_may_have_shorthands(flowcraft):
    nodes = "[{id: a, uses: noop}, {id: b, uses: noop, needs: a}]"
    write(
        "case.yaml",
        f"blueprint: {{id: x, nodes: {nodes}}}\nnodes: {{}}\nexpect: {{status: completed, path: [a, b]}}\n",
    )
    assert flowcraft("test", "case.yaml").code == 0
