"""`graph RUN` and `events --follow`: kept runs, while they go on and afterwards."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest

from tests.unit.cli.conftest import command, environment, write


def test_the_graph_of_a_run_shows_what_became_of_its_nodes(flowcraft, failing):
    flowcraft("run", failing, "--run-id", "r1")
    done = flowcraft("graph", "r1")
    assert done.code == 0
    assert "✗ failed" in done.out
    assert "class n_bad failed" in flowcraft("graph", "@latest", "--format", "mermaid").out


def test_a_name_that_is_no_file_is_a_run(flowcraft, chain):
    assert flowcraft("graph", chain).code == 0
    assert flowcraft("graph", "nobody").code == 7
    assert flowcraft("graph", "missing.yaml").code == 7


@pytest.mark.parametrize("more", [(), ("--json",)])
def test_events_are_followed_to_the_end_of_the_run(flowcraft, more):
    slow = write(
        "slow.yaml",
        "nodes:\n  - {id: hold, uses: shell, params: {run: 'touch begun; while [ ! -e go ]; do sleep 0.05; done'}}\n"
        "  - {id: last, uses: noop, needs: [hold]}\n",
    )
    line = command("run", slow, "--run-id", "r1", "-q")
    with subprocess.Popen(line, env=environment(), stdout=subprocess.DEVNULL) as run:
        _until_there(Path("begun"))
        follow = command("events", "r1", "--follow", *more)
        with subprocess.Popen(follow, env=environment(), stdout=subprocess.PIPE, text=True) as events:
            Path("go").touch()
            out, _ = events.communicate(timeout=60)
        assert run.wait(60) == 0
    assert events.returncode == 0
    told = out.splitlines()
    assert "run_finished" in out
    assert more or ("run_started" in told[0] and "run_finished" in told[-1])


def test_events_of_a_run_that_was_tried_again_are_followed_to_its_last_end(flowcraft):
    asks = write(
        "asks.yaml",
        "nodes:\n  - {id: ask, uses: wait}\n"
        "  - {id: bad, uses: check, needs: [ask], params: {that: 'false'}}\n",
    )
    flowcraft("run", asks, "--run-id", "r1")
    assert flowcraft("resume", "r1").code == 1
    assert flowcraft("rerun", "r1", "--from", "ask").code == 5
    done = flowcraft("events", "r1", "--follow", "--timeout", "10ms")
    assert done.code == 6, "it has not ended again"
    flowcraft("resume", "r1")
    assert flowcraft("events", "r1", "--follow").code == 0


def _until_there(file: Path) -> None:
    end = time.monotonic() + 60
    while not file.exists():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_the_input_of_a_typed_node_is_explained(flowcraft):
    write(
        "typed_nodes.py",
        "from dataclasses import dataclass\nfrom flowcraft_engine import node\n\n"
        "@dataclass\nclass Row:\n    id: int\n    who: str = 'nobody'\n\n"
        "@node\ndef row(input: Row): ...\n\n@node\ndef rows(input: list[int]): ...\n\n@node\ndef any(input): ...\n",
    )
    told = flowcraft("nodes", "row", "--app", "typed_nodes").out
    assert 'Input\n  id: integer (required)\n  who: text (default "nobody")\n' in told
    assert "Input\n  list of integer\n" in flowcraft("nodes", "rows", "--app", "typed_nodes").out
    assert "Input" not in flowcraft("nodes", "any", "--app", "typed_nodes").out
