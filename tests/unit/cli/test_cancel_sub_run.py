"""Cancelling a sub-run by its own id: its end reaches the runs above in the same command."""

from __future__ import annotations

import pytest

from tests.unit.cli.conftest import write

NODES = "from flowcraft_engine import node\n\n@node('mine')\ndef mine(): return 'instead'\n"


@pytest.fixture
def parent(waiting):
    write("mine.py", NODES)
    return write(
        "parent.yaml",
        "nodes:\n"
        "  - id: s\n"
        "    uses: subflow\n"
        "    params: {blueprint_id: waiting}\n"
        "    config: {max_retries: 3, retry_delay: 1h}\n",
    )


def test_the_node_fails_and_is_not_tried_again(flowcraft, parent):
    flowcraft("run", parent, "--run-id", "p")
    done = flowcraft("cancel", "p:s", "--reason", "not needed")
    assert done.code == 0
    assert "cancelled waiting · run p:s" in done.err
    assert "failed parent · run p" in done.err
    document = flowcraft("show", "p", "--json").json
    assert (document["status"], document["nodes"]["s"]["attempts"]) == ("failed", 1)
    (error,) = document["errors"]
    assert (error["code"], error["message"]) == (
        "subflow_failed",
        "sub-run waiting was cancelled: not needed",
    )


def test_the_json_document_is_that_of_the_sub_run(flowcraft, parent):
    flowcraft("run", parent, "--run-id", "p")
    document = flowcraft("cancel", "p:s", "--json").json
    assert (document["run_id"], document["status"]) == ("p:s", "cancelled")


def test_what_follows_is_left_to_whoever_has_the_nodes(flowcraft, waiting):
    write("mine.py", NODES)
    file = write(
        "parent.yaml",
        "nodes:\n"
        "  - {id: s, uses: subflow, params: {blueprint_id: waiting}, config: {fallback: f}}\n"
        "  - {id: f, uses: mine}\n",
    )
    flowcraft("run", file, "--run-id", "p", "--app", "mine")
    done = flowcraft("cancel", "p:s")
    assert "continue with: flowcraft reconcile p" in done.err
    assert flowcraft("show", "p", "--json").json["nodes"]["f"]["state"] == "ready"
    assert flowcraft("reconcile", "p").json == {"f": "instead"}


def test_the_last_item_ends_its_batch(flowcraft, waiting):
    file = write(
        "many.yaml", "nodes: [{id: s, uses: subflow, for_each: [1, 2], params: {blueprint_id: waiting}}]\n"
    )
    flowcraft("run", file, "--run-id", "m")
    flowcraft("cancel", "m:s[0]")
    assert flowcraft("show", "m", "--json").json["status"] == "waiting"
    flowcraft("cancel", "m:s[1]")
    assert flowcraft("show", "m", "--json").json["status"] == "failed"


def test_the_end_goes_up_through_all_runs_above(flowcraft, parent):
    file = write(
        "top.yaml",
        "nodes:\n"
        "  - {id: d, uses: subflow, params: {blueprint_id: parent}}\n"
        "  - {id: other, uses: subflow, params: {blueprint_id: waiting}}\n"
        "metadata: {fail_fast: true}\n",
    )
    flowcraft("run", file, "--run-id", "t")
    flowcraft("cancel", "t:d:s")
    assert flowcraft("show", "t", "--json").json["status"] == "failed"
    assert flowcraft("show", "t:other", "--json").json["status"] == "cancelled"
