"""Table D.2 of bad command lines: a sentence, an exit code, one JSON document; never a traceback."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.unit.cli.conftest import ROOT, write

BAD_IDS = ["", "..", "../../x", "a/b", "%2e%2e", "a\x1b[0m", "x" * 300, "*", "a b", ":x", "x:", ".hidden"]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["rnu", "x"], 2, "did you mean flowcraft run?"),
        (["frobnicate"], 2, "flowcraft --help"),
        (["run", "chain.yaml", "--jsno"], 2, "did you mean --json?"),
        (["run"], 2, "missing argument"),
        (["run", "chain.yaml", "-i", "n"], 2, "key=value"),
        (["run", "chain.yaml", "-i", "=5"], 2, "key=value"),
        (["run", "chain.yaml", "-i", "n=1", "-i", "n=2"], 2, "twice"),
        (["run", "chain.yaml", "-i", "n=@missing"], 7, "missing"),
        (["run", "chain.yaml", "-i", "n=x"], 3, "integer"),
        (["run", "chain.yaml", "-i", "n=NaN"], 3, "NaN"),
        (["run", "chain.yaml", "-i", "nn=1"], 3, "not declared"),
        (["run", "chain.yaml", "--inputs", "missing.json"], 7, "missing.json"),
        (["run", "chain.yaml", "--inputs", "list.json"], 2, "mapping"),
        (["run", "chain.yaml", "--inputs", "double.json"], 2, "twice"),
        (["run", "chain.yaml", "--inputs", "broken.json"], 2, "broken.json:1:"),
        (["run", "chain.yaml", "--inputs", "deep.json"], 2, "deeper"),
        (["run", "chain.yaml", "--inputs", "empty.yaml"], 2, "empty.yaml: there are no inputs in it"),
        (["run", "-", "--inputs", "-"], 2, "stdin"),
        (["run", "missing.yaml"], 7, "there is no file"),
        (["run", "."], 3, "folder"),
        (["run", "chain.yaml", "--timeout", "soon"], 2, "--timeout"),
        (["run", "chain.yaml", "--concurrency", "0"], 2, "--concurrency"),
        (["run", "chain.yaml", "--app", "no.such.module"], 3, "no module"),
        (["run", "chain.yaml", "--app", "broken.py"], 3, "like an import"),
        (["run", "chain.yaml", "--blueprints", "nowhere"], 2, "--blueprints"),
        (["run", "chain.yaml", "--state", "text.txt"], 9, "not a state file"),
        (["run", "chain.yaml", "--graph", "x.bmp"], 2, "drawing"),
        (["run", "chain.yaml", "--run-id", "a/b"], 2, "cannot be the id"),
        (["show", "nobody"], 7, "no run"),
        (["runs"], 2, "did you mean flowcraft list?"),
        (["help"], 2, "did you mean flowcraft --help?"),
        (["resume", "@latest"], 7, "no run"),
        (["resume", "@latest", "--action", ""], 2, "--action needs a name"),
        (["reconcile"], 2, "--all"),
        (["list", "--limit", "-1"], 2, "--limit"),
        (["list", "--limit", "0"], 2, "--limit"),
        (["list", "--limit", "1000000000"], 2, "--limit"),
        (["list", "--status", "complete"], 2, "did you mean completed?"),
        (["nodes", "shel"], 7, "shell"),
        (["graph", "chain.yaml", "--format", "png"], 2, "--format"),
        (["graph", "."], 3, "is a folder"),
        (["validate", "missing.yaml"], 7, "there is no file"),
    ],
)
def test_what_is_wrong_is_said_in_a_sentence_and_in_one_document(flowcraft, chain, arguments, code, words):
    files = {
        "list.json": "[1]",
        "double.json": '{"n": 1, "n": 2}',
        "broken.json": '{"n": }',
        "deep.json": '{"n": ' + "[" * 100 + "]" * 100 + "}",
        "empty.yaml": "",
        "text.txt": "this is no database, and it is long enough to be looked at as one" * 20,
    }
    for name, text in files.items():
        Path(name).write_text(text)
    done = flowcraft(*arguments)
    assert done.code == code, done
    assert words in done.err + done.out
    assert "Traceback" not in done.err + done.out
    if arguments[0] == "graph":
        return
    as_json = flowcraft(*arguments, "--json")
    assert as_json.code == code
    assert as_json.json["schema"] == 1
    assert "error" in as_json.json or "issues" in as_json.json


@pytest.mark.parametrize("run_id", BAD_IDS)
@pytest.mark.parametrize("command", ["show", "resume", "cancel", "wait", "reconcile", "events"])
def test_no_command_looks_up_what_cannot_be_an_id(flowcraft, folder, command, run_id):
    done = flowcraft(command, "--", run_id)
    assert done.code == 2
    assert "\x1b" not in done.err
    assert list(folder.iterdir()) == []


def test_a_prefix_of_several_runs_is_ambiguous(flowcraft, chain):
    for name in ("ab1", "ab2"):
        flowcraft("run", chain, "--run-id", name)
    done = flowcraft("show", "ab")
    assert (done.code, "ab2, ab1" in done.err) == (2, True)
    assert flowcraft("show", "@latest", "--json").json["run_id"] == "ab2"


def test_a_wrong_variable_is_named(flowcraft, chain, monkeypatch):
    monkeypatch.setenv("FLOWCRAFT_CONCURRENCY", "abc")
    assert "FLOWCRAFT_CONCURRENCY" in flowcraft("run", chain).err
    monkeypatch.delenv("FLOWCRAFT_CONCURRENCY")
    monkeypatch.setenv("FLOWCRAFT_TIMEOUT", "abc")
    done = flowcraft("run", chain)
    assert (done.code, "FLOWCRAFT_TIMEOUT" in done.err) == (2, True)


def test_a_bug_is_70_and_shows_a_traceback_only_with_debug(flowcraft, chain, monkeypatch):
    def broken(*_: object) -> None:
        raise RuntimeError("kaboom")

    monkeypatch.setattr("flowcraft_engine.assembly.nodes.make_registry", broken)
    done = flowcraft("validate", chain)
    assert (done.code, "kaboom" in done.err, "Traceback" in done.err) == (70, True, False)
    assert "Traceback" in flowcraft("validate", chain, "--debug").err
    assert flowcraft("validate", chain, "--json").json["error"]["code"] == "internal"


def test_validate_annotates_for_github(flowcraft):
    Path("bad.yaml").write_text("nodes:\n  - {id: a, uses: noop, needz: [b]}\n")
    done = flowcraft("validate", "bad.yaml", "--format", "github")
    assert done.code == 3
    assert done.out.startswith("::error file=bad.yaml,line=2,col=")
    document = flowcraft("validate", "bad.yaml", "--json").json
    assert document["valid"] is False
    assert set(document["issues"][0]) == {"code", "severity", "message", "file", "line", "column", "hint"}


def test_validate_shows_the_line_with_a_caret(flowcraft):
    Path("bad.yaml").write_text("nodes:\n  - {id: a, uses: noop, needz: [b]}\n")
    out = flowcraft("validate", "bad.yaml").out
    lines = out.splitlines()
    assert lines[1].endswith("- {id: a, uses: noop, needz: [b]}")
    assert lines[2].index("^") == lines[1].index("needz")
    assert "needs" in out


def test_strict_makes_warnings_errors(flowcraft):
    Path("warn.yaml").write_text("nodes:\n  - {id: a, uses: noop, inputs: b}\n  - {id: b, uses: noop}\n")
    assert flowcraft("validate", "warn.yaml").code == 0
    assert flowcraft("validate", "warn.yaml", "--strict").code == 3


def test_an_interruption_before_anything_is_imported_is_a_sentence(process, folder):
    write("typer.py", "raise KeyboardInterrupt\n")
    path = os.pathsep.join([str(folder), str(ROOT)])
    done = process("list", PYTHONPATH=path)
    assert (done.code, done.out, done.err) == (130, "", "error: interrupted\n")
    assert process("list", "--json", PYTHONPATH=path).json["error"]["code"] == "interrupted"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("asyncio.get_running_loop().call_soon(sys.exit, 5)", "sys.exit(5)"),
        ("asyncio.get_running_loop().stop()", "stopped the event loop"),
        ("[task.cancel() for task in asyncio.all_tasks()]", "cancelled all tasks"),
    ],
)
def test_a_node_that_ends_the_event_loop_interrupts_the_run(process, line, words):
    write(
        "rude.py",
        "import asyncio, sys\nfrom flowcraft_engine import node\n\n"
        f"@node('rude')\nasync def rude():\n    {line}\n    await asyncio.Event().wait()\n",
    )
    write("rude.yaml", "id: rude\nnodes:\n  - {id: a, uses: rude}\n")
    ended = process("run", "rude.yaml", "--app", "rude")
    assert ended.code == 130
    assert words in ended.err
    assert "flowcraft reconcile @latest" in ended.err
    assert "bug in flowcraft" not in ended.err
    assert "Traceback" not in ended.err
    assert process("show", "@latest", "--json").json["status"] == "interrupted"
