"""`flowcraft why RUN NODE`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.cli.conftest import write


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")


def branching() -> str:
    Path("branching.yaml").write_text(
        "id: branching\n"
        "inputs: {count: {type: integer, default: 3}}\n"
        "nodes:\n"
        "  - {id: a, uses: noop}\n"
        "  - {id: many, uses: noop}\n"
        "  - {id: few, uses: noop}\n"
        "edges:\n"
        "  - {source: a, target: many, condition: count > 5}\n"
        "  - {source: a, target: few, condition: count <= 5}\n"
    )
    return "branching.yaml"


def test_it_says_why_a_node_ran_with_the_line_of_the_edge(flowcraft):
    flowcraft("run", branching(), "--run-id", "r1")
    done = flowcraft("why", "r1", "few")
    assert done.code == 0
    assert "ran because the edge a -> few was taken" in done.out
    assert "`count <= 5` holds (count = 3) (branching.yaml:9:41)" in done.out


def test_it_says_why_a_node_was_skipped(flowcraft):
    flowcraft("run", branching(), "--run-id", "r1")
    done = flowcraft("why", "@latest", "many")
    assert "`count > 5` does not hold (count = 3) (branching.yaml:8:42)" in done.out


def test_the_json_document_has_the_grounds(flowcraft):
    flowcraft("run", branching(), "--run-id", "r1")
    document = flowcraft("why", "r1", "many", "--json").json
    assert (document["schema"], document["state"], document["node"]) == (1, "skipped", "many")
    assert document["because"][0]["location"] == {"file": "branching.yaml", "line": 8, "column": 42}


def test_a_node_that_waits_says_how_to_answer_it(flowcraft, waiting):
    flowcraft("run", waiting, "--run-id", "w1")
    done = flowcraft("why", "w1", "ask")
    assert "waits for a person since" in done.out
    assert "next: flowcraft resume w1 --node ask" in done.out


def test_an_unknown_node_ends_with_7_and_the_nearest_name(flowcraft, waiting):
    flowcraft("run", waiting, "--run-id", "w1")
    done = flowcraft("why", "w1", "aks")
    assert done.code == 7
    assert "did you mean ask?" in done.err


def test_it_fits_a_narrow_terminal(flowcraft, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    flowcraft("run", branching(), "--run-id", "r1")
    done = flowcraft("why", "r1", "many")
    assert all(len(line) <= 60 for line in done.out.splitlines())


def test_what_is_not_valid_is_said_and_not_the_type_of_a_library_alone(flowcraft):
    write(
        "typed_nodes.py",
        "from pydantic import BaseModel\nfrom flowcraft_engine import node\n\nclass Order(BaseModel):\n"
        "    total: int\n\n"
        "@node\ndef typed(input: Order):\n    return 1\n\n@node\ndef checks(ctx):\n    Order.model_validate({})\n",
    )
    write(
        "flow.yaml",
        "inputs: {x: {type: object}}\nnodes:\n  - {id: a, uses: typed, inputs: x}\n  - {id: b, uses: checks}\n",
    )
    done = flowcraft("run", "flow.yaml", "--app", "typed_nodes", "-i", "x={}", "--run-id", "r1", "-q")
    assert "a: input of node 'typed' is not valid: total: Field required [input_invalid]" in done.err
    assert "ValidationError at typed_nodes.py:13 in checks" in done.err
    assert done.err.count("ValidationError") == 1


def test_a_reason_that_names_nothing_says_so(flowcraft):
    write(
        "flow.yaml",
        "nodes:\n  - {id: a, uses: check, params: {that: 'false'}}\n"
        "  - {id: b, uses: check, params: {that: 'false'}}\n"
        "  - {id: c, uses: noop, needs: [a, b], config: {join_strategy: all_done}}\n",
    )
    flowcraft("run", "flow.yaml", "--run-id", "r1", "-q")
    assert "node_ready c (rule all_done, taken nothing)" in flowcraft("events", "r1").out


def test_of_a_failed_sub_run_it_says_which_node_to_ask_about(flowcraft):
    write("inner.yaml", "id: inner\nnodes: [{id: bad, uses: shell, params: {run: 'exit 3'}}]\n")
    write("outer.yaml", "id: outer\nnodes: [{id: sub, uses: subflow, params: {blueprint_id: inner}}]\n")
    assert flowcraft("run", "outer.yaml", "--run-id", "r").code == 1
    assert flowcraft("why", "r", "sub", "--json").json["next"] == ["why r:sub bad"]
    assert "next: flowcraft why r:sub bad" in flowcraft("why", "r", "sub").out
    assert flowcraft("why", "r:sub", "bad").code == 0
