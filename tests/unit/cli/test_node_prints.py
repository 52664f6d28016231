"""What nodes print is shown as the output of commands is: by line, with the node, in the form of everything else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.cli.conftest import write

TALK = """
import asyncio, sys
from flowcraft_engine import node

@node("talk")
async def talk(ctx):
    print("one", end=" ")
    await asyncio.sleep(0)
    print("line")
    print("\\x1b[2Jsecond", file=sys.stderr)
    print("unended", end="")

@node("blocking")
def blocking(ctx):
    print("from a thread")
"""


@pytest.fixture
def flow(monkeypatch: pytest.MonkeyPatch) -> str:
    write("talking.py", TALK)
    monkeypatch.syspath_prepend(str(Path.cwd()))
    return write(
        "flow.yaml",
        "id: flow\n"
        "nodes:\n"
        "  - {id: a, uses: talk}\n"
        "  - {id: b, uses: blocking, needs: [a], for_each: [1, 2], concurrency: 1}\n"
        "  - {id: c, uses: shell, needs: [b], params: {run: echo command}}\n"
        "outputs: {}\n",
    )


def _told(err: str) -> list[str]:
    return [line.partition(" ")[2] for line in err.splitlines() if " | " in line]


def test_printed_lines_name_their_node_and_come_before_its_end(flowcraft, flow):
    done = flowcraft("run", flow, "--app", "talking", "--run-id", "r1")
    assert done.code == 0
    assert _told(done.err) == [
        "a | one line",
        "a | \\x1b[2Jsecond",
        "a | unended",
        "b[0] | from a thread",
        "b[1] | from a thread",
        "c | command",
    ]
    lines = done.err.splitlines()
    assert lines.index(next(it for it in lines if "unended" in it)) < lines.index(
        next(it for it in lines if " a completed" in it)
    )
    kept = [line.partition(" ")[2] for line in flowcraft("logs", "r1").out.splitlines()]
    assert kept == _told(done.err)


def test_quiet_and_the_level_are_for_what_is_printed_too(flowcraft, flow):
    assert "from a thread" not in flowcraft("run", flow, "--app", "talking", "-q").err
    done = flowcraft("run", flow, "--app", "talking", "--log-level", "warning")
    assert _told(done.err) == []


def test_in_json_a_printed_line_is_a_line_of_the_log(flowcraft, flow):
    done = flowcraft("run", flow, "--app", "talking", "--log-format", "json", "--json", "--run-id", "r1")
    assert done.json["status"] == "completed"
    lines = [json.loads(line) for line in done.err.splitlines()]
    told = [
        (it["logger"], it["node"], it["message"])
        for it in lines
        if it["logger"].startswith("flowcraft.node.")
    ]
    assert told[0] == ("flowcraft.node.stdout", "a", "one line")
    assert ("flowcraft.node.stderr", "a", "\x1b[2Jsecond") in told
    assert ("flowcraft.node.stdout", "b[1]", "from a thread") in told
    assert {it["run"] for it in lines if it["logger"].startswith("flowcraft.node.")} == {"r1"}


def test_a_handler_that_writes_to_the_tapped_stream_is_not_heard_again(flowcraft, monkeypatch):
    write(
        "noisy.py",
        "import logging, sys\nfrom flowcraft_engine import node\n"
        "@node('noisy')\ndef noisy(ctx):\n"
        "    handler = logging.StreamHandler(sys.stderr)\n"
        "    logging.getLogger().addHandler(handler)\n"
        "    print('once')\n"
        "    logging.getLogger().removeHandler(handler)\n",
    )
    monkeypatch.syspath_prepend(str(Path.cwd()))
    write("noisy.yaml", "id: n\nnodes: [{id: a, uses: noisy}]\n")
    done = flowcraft("run", "noisy.yaml", "--app", "noisy", "--log-format", "json")
    assert done.code == 0
    assert done.err.count("once") == 2, "the line of ours, and that of the handler"


def test_a_question_is_shown_before_its_answer_is_waited_for(process):
    write(
        "asking.py",
        "import sys\nfrom flowcraft_engine import node\n"
        "@node('ask')\nasync def ask(ctx):\n"
        "    name = input('Who? ')\n"
        "    sys.stderr.write('answered\\n')\n"
        "    return [name, *sys.stdin]\n",
    )
    write("ask.yaml", "id: n\nnodes: [{id: a, uses: ask}]\n")
    done = process("run", "ask.yaml", "--app", "asking", stdin="Ann\nBob\n")
    assert done.json == {"a": ["Ann", "Bob\n"]}
    assert _told(done.err) == ["a | Who? ", "a | answered"]


def test_of_a_progress_bar_its_last_state_is_shown(flowcraft, monkeypatch):
    write(
        "bar.py",
        "from flowcraft_engine import node\n@node('bar')\nasync def bar(ctx):\n"
        "    for share in (10, 50, 100):\n        print(f'\\r{share} %', end='')\n"
        "    print()\n    print('windows\\r')\n",
    )
    monkeypatch.syspath_prepend(str(Path.cwd()))
    write("bar.yaml", "id: n\nnodes: [{id: a, uses: bar}]\n")
    done = flowcraft("run", "bar.yaml", "--app", "bar", "--run-id", "r1")
    assert _told(done.err) == ["a | 100 %", "a | windows"]
    assert r"10 %\r50 %\r100 %" in flowcraft("logs", "r1").out


def test_a_module_that_prints_when_it_is_imported_does_not_disturb_validate(flowcraft, flow, monkeypatch):
    write("noisy.py", 'import os\nprint("noise")\nos.write(1, b"noise")\nfrom talking import *\n')
    done = flowcraft("validate", flow, "--app", "noisy", "--json")
    assert (done.json["valid"], "noise" in done.err) == (True, True)
