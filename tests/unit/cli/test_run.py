from __future__ import annotations

import json
from pathlib import Path

import pytest

from flowcraft_cli.ending import Ending
from flowcraft_cli.what_next import what_next
from flowcraft_engine.history.run_result import RunResult, WaitingNode


def write(name: str, text: str) -> str:
    Path(name).write_text(text, encoding="utf-8")
    return name


def test_a_run_prints_its_outputs_and_nothing_else_on_stdout(flowcraft, chain):
    done = flowcraft("run", chain, "-i", "n=4")
    assert (done.code, done.json) == (0, {"doubled": 8})
    assert "completed" in done.err


def test_quiet_says_nothing_on_stderr(flowcraft, chain):
    done = flowcraft("run", chain, "-q")
    assert done.err == ""
    assert done.json == {"doubled": 6}


def test_the_json_document_has_the_whole_run(flowcraft, chain):
    document = flowcraft("run", chain, "--json", "--run-id", "one").json
    assert document["schema"] == 1
    assert document["run_id"] == "one"
    assert document["status"] == "completed"
    assert document["nodes"]["b"]["state"] == "completed"
    assert document["context"] == {"n": 3, "doubled": 6}


def test_a_failed_run_ends_with_1_and_names_the_place(flowcraft, failing):
    done = flowcraft("run", failing)
    assert done.code == 1
    assert "failing.yaml:3:10: bad: never" in done.err
    assert done.out == ""


def test_a_failed_run_prints_one_json_document_too(flowcraft, failing):
    done = flowcraft("run", failing, "--json")
    assert done.code == 1
    assert done.json["errors"][0]["location"] == {"file": "failing.yaml", "line": 3, "column": 10}


def test_a_run_that_waits_ends_with_5_and_says_how_to_answer(flowcraft, waiting):
    done = flowcraft("run", waiting, "--run-id", "w1")
    assert done.code == 5
    assert "flowcraft resume w1" in done.err
    assert "go on?" in done.err


def test_resume_continues_and_ends_like_run(flowcraft, waiting):
    flowcraft("run", waiting, "--run-id", "w1")
    done = flowcraft("resume", "w", "--action", "approve", "--output", '{"by": "Ann"}')
    assert done.code == 0
    assert done.json == {"go": {"by": "Ann"}}
    assert flowcraft("resume", "w1", "--action", "reject").code == 7


def test_a_resume_of_a_wrong_node_ends_with_7_and_changes_nothing(flowcraft, waiting):
    flowcraft("run", waiting, "--run-id", "w1")
    assert flowcraft("resume", "w1", "--node", "nobody").code == 7
    assert flowcraft("show", "w1", "--json").json["status"] == "waiting"


def test_a_cancelled_run_is_refused_afterwards(flowcraft, waiting):
    flowcraft("run", waiting, "--run-id", "w1")
    assert flowcraft("cancel", "w1", "--reason", "changed my mind").code == 0
    assert flowcraft("cancel", "w1").code == 0
    assert flowcraft("resume", "w1").code == 7
    assert flowcraft("wait", "w1").code == 4
    assert "changed my mind" in flowcraft("show", "w1").out


def test_the_timeout_of_the_command_ends_with_6_and_the_run_can_be_continued(flowcraft):
    slow = write("slow.yaml", "nodes: [{id: nap, uses: sleep, params: {duration: 600ms}}]\n")
    done = flowcraft("run", slow, "--run-id", "nap", "--timeout", "50ms")
    assert done.code == 6
    assert "flowcraft reconcile nap" in done.err
    assert flowcraft("reconcile", "nap", "--check").code == 8
    assert flowcraft("reconcile", "nap").code == 0
    assert flowcraft("reconcile", "nap", "--check").code == 0


def test_nobody_waits_for_a_sleep_in_a_run_that_no_process_executes(flowcraft):
    slow = write("slow.yaml", "nodes: [{id: nap, uses: sleep, params: {duration: 1h}}]\n")
    flowcraft("run", slow, "--run-id", "nap", "--timeout", "50ms")
    flowcraft("export", "nap")
    for run in ("nap", "nap.fcrun"):
        done = flowcraft("wait", run)
        assert done.code == 5
        assert done.err.splitlines()[-1] == f"continue with: flowcraft reconcile {run}"
        assert flowcraft("logs", run, "--follow").code == 0


def test_a_run_in_memory_leaves_no_file(flowcraft, chain, folder):
    assert flowcraft("run", chain, "--state", "memory").code == 0
    assert not (folder / ".flowcraft").exists()


def test_the_same_id_again_gives_the_same_run(flowcraft, chain):
    first = flowcraft("run", chain, "--run-id", "x", "--json").json
    assert flowcraft("run", chain, "--run-id", "x", "--json").json == first
    done = flowcraft("run", chain, "--run-id", "x", "-i", "n=9")
    assert done.code == 7


def test_what_a_node_prints_does_not_reach_stdout(flowcraft, folder):
    write(
        "loud.py",
        "import os\nfrom flowcraft_engine.nodes.decorator import node\n\nprint('at import')\n\n"
        "@node('loud')\ndef loud(ctx):\n    print('hello')\n    os.write(1, b'raw\\n')\n    return 1\n",
    )
    file = write("loud.yaml", "nodes: [{id: a, uses: loud}]\n")
    done = flowcraft("run", file, "--app", "loud", "--json")
    assert done.code == 0
    assert done.json["outputs"] == {"a": 1}
    assert "hello" in done.err
    assert "raw" in done.err


def test_resume_finds_the_nodes_that_run_was_given(process, folder):
    write(
        "mine.py",
        "from flowcraft_engine.nodes.decorator import node\n\n@node('mine')\ndef mine(ctx):\n    return 'mine'\n",
    )
    file = write("w.yaml", "nodes:\n  - {id: ask, uses: wait}\n  - {id: m, uses: mine, needs: [ask]}\n")
    assert process("run", file, "--app", "mine", "--run-id", "r").code == 5
    assert json.loads(process("resume", "r").out) == {"m": "mine"}


def test_control_characters_of_data_never_reach_the_terminal(flowcraft):
    file = write("esc.yaml", 'nodes: [{id: a, uses: log, params: {message: "\\x1b[31mred\\x07"}}]\n')
    done = flowcraft("run", file, "--run-id", "e")
    assert "\\x1b[31mred\\x07" in done.err
    assert "\x1b" not in done.err + flowcraft("show", "e", "-v").out + flowcraft("events", "e").out


def test_all_findings_are_told_and_nothing_is_executed(flowcraft, folder):
    file = write(
        "bad.yaml",
        "nodes:\n  - {id: a, uses: shell, params: {run: touch made}}\n  - {id: b, uses: noop, needz: [a]}\n"
        "edges: [a -> c]\n",
    )
    done = flowcraft("run", file)
    assert done.code == 3
    assert "bad.yaml:3:" in done.err and "bad.yaml:4:" in done.err
    assert not (folder / "made").exists()
    document = flowcraft("run", file, "--json").json
    assert document["error"]["code"] == "blueprint_invalid"
    assert len(document["issues"]) >= 2


def test_dry_run_tells_what_would_run_and_executes_nothing(flowcraft, folder):
    file = write(
        "plan.yaml",
        "inputs: {amount: {type: number, default: 5}}\n"
        "nodes:\n"
        "  - {id: a, uses: shell, params: {run: touch made, env: {AMOUNT: '${{ amount }}'}}}\n"
        "  - {id: big, uses: noop}\n  - {id: small, uses: noop}\n  - {id: after, uses: noop, needs: [big]}\n"
        "edges:\n  - {source: a, target: big, condition: amount > 100}\n"
        "  - {source: a, target: small, condition: amount <= 100}\n",
    )
    steps = {step["node"]: step for step in flowcraft("run", file, "--dry-run", "--json").json["steps"]}
    assert {name: step["fate"] for name, step in steps.items()} == {
        "a": "runs", "big": "skipped", "small": "runs", "after": "skipped",
    }  # fmt: skip
    assert steps["a"]["params"]["env"] == {"AMOUNT": 5}
    assert "would be skipped" in flowcraft("run", file, "--dry-run").out
    assert not (folder / "made").exists()
    assert not (folder / ".flowcraft").exists()


@pytest.mark.parametrize("name", ["out.svg", "out.mmd", "out.dot", "out.json", "out.txt"])
def test_a_run_can_be_drawn(flowcraft, failing, folder, name):
    assert flowcraft("run", failing, "--graph", name).code == 1
    assert "bad" in (folder / name).read_text()


def test_a_subflow_is_found_beside_its_parent(flowcraft, folder):
    write("child.yaml", "id: child\nnodes: [{id: c, uses: set, params: {values: {k: 1}}}]\n")
    parent = write("parent.yaml", "nodes: [{id: s, uses: subflow, params: {blueprint_id: child}}]\n")
    assert flowcraft("run", parent, "--run-id", "p").code == 0
    assert "run p:s" in flowcraft("show", "p").out
    assert flowcraft("show", "p:s", "--json").json["status"] == "completed"
    assert flowcraft("list", "--json").json["runs"][0]["run_id"] == "p"
    assert len(flowcraft("list", "--json").json["runs"]) == 1


def test_a_run_whose_subflow_is_not_there_asks_nobody_and_does_not_begin(flowcraft):
    sub = "{id: sub, uses: subflow, needs: [ask], params: {blueprint_id: child}}"
    parent = write("parent.yaml", f"nodes:\n  - {{id: ask, uses: wait}}\n  - {sub}\n")
    write("child.yaml", "nodes: [{id: c}]\n")
    done = flowcraft("run", parent)
    assert done.code == 3
    assert "error: there is no blueprint 'child' for the subflow 'sub' [unknown_subflow]" in done.err
    assert "these files beside it are not valid: child.yaml" in done.err
    assert flowcraft("validate", parent).code == 0  # others may have it
    write("child.yaml", "nodes: []\n")
    assert flowcraft("run", parent).code == 5


def test_wait_ends_with_5_when_a_sub_run_waits_for_somebody(flowcraft, waiting):
    write("parent.yaml", "nodes: [{id: s, uses: subflow, params: {blueprint_id: waiting}}]\n")
    assert flowcraft("run", "parent.yaml", "--run-id", "p").code == 5
    assert flowcraft("wait", "p", "--timeout", "5s").code == 5
    assert flowcraft("resume", "p", "--node", "s", "--action", "approve").code == 0
    assert flowcraft("wait", "p").code == 0


def test_whoever_is_asked_is_told_the_actions_that_edges_know(flowcraft, waiting):
    done = flowcraft("run", waiting, "--run-id", "w1")
    assert "waiting for an answer to ask: go on? (actions: approve, reject)" in done.err
    assert "flowcraft resume w1 [--action approve|reject] [--output JSON]" in done.err
    for command in ("wait", "show"):
        done = flowcraft(command, "w1")
        assert "(actions: approve, reject)" in done.out + done.err
    assert flowcraft("show", "w1", "--json").json["waiting"][0]["actions"] == ["approve", "reject"]


def test_whoever_is_asked_several_things_by_a_sub_run_is_told_how_to_answer_each(flowcraft):
    write("two.yaml", "nodes:\n  - {id: q, uses: wait}\n  - {id: r, uses: wait}\n")
    write("above.yaml", "nodes:\n  - {id: a, uses: subflow, params: {blueprint_id: two}}\n")
    done = flowcraft("run", "above.yaml", "--run-id", "w1")
    assert "waiting for 2 answers in a\nhow to answer each: flowcraft why w1 a" in done.err
    assert "flowcraft resume w1:a --node q" in flowcraft("why", "w1", "a").out


def test_nobody_is_asked_by_a_sub_run_that_only_sleeps():
    waits = [
        WaitingNode("a", "run", None, run_id="w1:a"),
        WaitingNode("b", "run", None, run_id="w1:b", asked=0),
    ]
    result = RunResult("w1", "above", None, "waiting", {}, {}, waiting=waits)
    assert what_next(Ending(result)) == [
        "waiting for an answer to a",
        "answer with: flowcraft resume w1 [--output JSON]",
    ]


def test_whoever_is_asked_by_a_sub_run_is_told_its_question_and_actions(flowcraft, waiting):
    write("parent.yaml", "nodes: [{id: s, uses: subflow, params: {blueprint_id: waiting}}]\n")
    done = flowcraft("run", "parent.yaml", "--run-id", "p")
    assert "waiting for an answer to s: go on? (actions: approve, reject)" in done.err


def test_a_node_whose_edges_know_no_action_is_answered_without_one(flowcraft):
    file = write("plain.yaml", "nodes: [{id: ask, uses: wait}]\n")
    assert "flowcraft resume w1 [--output JSON]" in flowcraft("run", file, "--run-id", "w1").err


def test_an_answer_with_an_action_that_no_edge_knows_is_remarked(flowcraft, waiting):
    flowcraft("run", waiting, "--run-id", "w1")
    done = flowcraft("resume", "w1", "--action", "aprove", "--json")
    assert (done.code, done.json["status"]) == (0, "completed")
    assert (
        "note: no edge of ask knows the action 'aprove' (known are: approve, reject; did you mean" in done.err
    )
    assert "did you mean 'approve'?): nothing follows it; `flowcraft rerun` --from ask asks again" in done.err


def test_an_answer_without_an_action_is_remarked_where_each_edge_asks_for_one(flowcraft, waiting):
    flowcraft("run", waiting, "--run-id", "w1")
    done = flowcraft("resume", "w1", "--output", "1")
    told = "note: each edge of ask asks for an action: nothing follows (known are: approve, reject); "
    assert done.code == 0 and told in done.err
    assert flowcraft("rerun", "w1", "--from", "ask").code == 5
    assert "note:" not in flowcraft("resume", "w1", "--action", "approve").err


def test_a_known_action_is_not_remarked_nor_one_of_a_refused_answer(flowcraft, waiting):
    flowcraft("run", waiting, "--run-id", "w1")
    assert "note:" not in flowcraft("resume", "w1", "--action", "approve").err
    refused = flowcraft("resume", "w1", "--node", "ask", "--action", "no")
    assert (refused.code, "note:" in refused.err) == (7, False)


def test_the_one_item_of_a_batch_of_sub_runs_that_waits_is_found_by_the_name_of_its_node(flowcraft, waiting):
    write("many.yaml", "nodes: [{id: s, uses: subflow, for_each: [1, 2], params: {blueprint_id: waiting}}]\n")
    assert "--node 's[0]'" in flowcraft("run", "many.yaml", "--run-id", "m").err
    both = flowcraft("resume", "m", "--node", "s", "--action", "approve")
    assert (both.code, "name one with --node: s[0], s[1]" in both.err) == (7, True)
    assert flowcraft("resume", "m", "--node", "s[0]", "--action", "approve").code == 5
    assert flowcraft("resume", "m", "--node", "s", "--action", "approve").code == 0


def test_of_several_waits_in_one_sub_run_each_is_named_there(flowcraft):
    write("two.yaml", "id: two\nnodes: [{id: a, uses: wait}, {id: b, uses: wait}]\n")
    write("parent.yaml", "nodes: [{id: s, uses: subflow, params: {blueprint_id: two}}]\n")
    flowcraft("run", "parent.yaml", "--run-id", "p")
    assert "answer in the sub-run: p:s --node a, p:s --node b" in flowcraft("resume", "p", "--node", "s").err
    assert flowcraft("resume", "p:s", "--node", "a").code == 5
    assert flowcraft("resume", "p", "--node", "s").code == 0


def test_the_schema_of_a_wait_holds_for_items_too(flowcraft):
    file = write(
        "items.yaml",
        "nodes: [{id: ask, uses: wait, for_each: [1], params: {schema: {type: integer}}}]\n",
    )
    flowcraft("run", file, "--run-id", "i")
    assert flowcraft("resume", "i", "--node", "ask", "--output", "text").code == 3
    assert flowcraft("resume", "i", "--node", "ask", "--output", "7").json == {"ask": [7]}


def test_a_list_that_is_none_is_told_as_people_say_it(flowcraft):
    write("flow.yaml", "inputs: {tags: {type: array}}\nnodes: [{id: a, uses: noop}]\n")
    told = "input 'tags': must be of type array, like [\"a\", \"b\"], not 'x'"
    assert told in flowcraft("run", "flow.yaml", "-i", "tags=x").err
    done = flowcraft("run", "flow.yaml", "-i", "tags=[1,")
    assert "input 'tags': is not JSON: " in done.err and "line 1, column 4" in done.err
