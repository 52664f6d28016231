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
            out, _ = events.communicate(timeout=30)
        assert run.wait(30) == 0
    assert events.returncode == 0
    told = out.splitlines()
    assert "run_finished" in out
    assert more or ("run_started" in told[0] and "run_finished" in told[-1])


def _until_there(file: Path) -> None:
    end = time.monotonic() + 30
    while not file.exists():
        assert time.monotonic() < end
        time.sleep(0.02)
