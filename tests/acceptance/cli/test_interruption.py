"""Ctrl-C, TERM and HUP: no child is left, the run can be continued, and the message says how."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

SLOW = """
id: slow
nodes:
  - {id: first, uses: shell, params: {run: "echo once >> once.txt"}}
  - id: long
    uses: shell
    needs: [first]
    params: {run: "echo $$ > pid.txt; test -e go && exit 0; sleep 300 & sleep 300"}
  - {id: last, uses: noop, needs: [long]}
outputs: {code: long.code}
"""


def wait_for(path: Path) -> str:
    """The text of a file that another process writes."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if path.exists() and path.read_text().strip():
            return path.read_text().strip()
        time.sleep(0.02)
    raise AssertionError(f"{path} was not written")


def until(holds: Callable[[], bool], pause_s: float = 0.02) -> None:
    """Wait for something that other processes do."""
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(pause_s)


def group_lives(group: int) -> bool:
    listed = subprocess.run(["ps", "-e", "-o", "pgid=,stat="], capture_output=True, text=True).stdout
    return any(
        line.split()[0] == str(group) and not line.split()[1].startswith("Z") for line in listed.splitlines()
    )


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)]
)
def test_a_signal_leaves_no_child_and_a_run_that_can_be_continued(flowcraft, number, code):
    flowcraft.write("slow.yaml", SLOW)
    process = flowcraft.begin("run", "slow.yaml", "--run-id", "r", "--json")
    group = int(wait_for(flowcraft.folder / "pid.txt"))
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == code
    until(lambda: not group_lives(group))
    assert '"status": "interrupted"' in out
    assert "Traceback" not in err

    assert flowcraft("reconcile", "r", "--check").code == 8
    (flowcraft.folder / "go").touch()
    done = flowcraft("reconcile", "r")
    assert (done.code, done.json) == (0, {"code": 0})
    assert (flowcraft.folder / "once.txt").read_text() == "once\n"


def test_the_message_says_how_to_continue(flowcraft):
    flowcraft.write("slow.yaml", SLOW)
    process = flowcraft.begin("run", "slow.yaml", "--run-id", "r")
    wait_for(flowcraft.folder / "pid.txt")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert "flowcraft reconcile r" in err


def test_a_second_signal_ends_the_command_although_a_child_ignores_the_first(flowcraft):
    flowcraft.write(
        "stubborn.yaml",
        "nodes:\n  - id: a\n    uses: shell\n"
        "    params: {run: \"trap '' TERM; echo $$ > pid.txt; while :; do sleep 0.1; done\"}\n",
    )
    # Commands have much time to clean up, so that only the second signal can be what ends this one.
    patient = (
        "from flowcraft_engine.nodes.builtin import process_group\nprocess_group.GRACE_S = 300.0\n"
        "from flowcraft_cli.main import leave, run_command_line\n"
        "leave(run_command_line(['run', 'stubborn.yaml', '--run-id', 'r']))"
    )
    process = flowcraft.begin_python(patient)
    group = int(wait_for(flowcraft.folder / "pid.txt"))
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    until(lambda: "once more to stop at once" in process.stderr.readline())
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    until(lambda: not group_lives(group))


def test_a_node_that_blocks_the_event_loop_cannot_keep_the_command(flowcraft):
    flowcraft.write(
        "blocking.py",
        "import pathlib, time\nfrom flowcraft_engine import node\n\n"
        "@node('block')\nasync def block(ctx):\n    pathlib.Path('pid.txt').write_text('1')\n    time.sleep(600)\n",
    )
    flowcraft.write("b.yaml", "nodes: [{id: a, uses: block}]\n")
    process = flowcraft.begin("run", "b.yaml", "--app", "blocking")
    wait_for(flowcraft.folder / "pid.txt")
    # Two signals before the process comes to answer the first of them are one signal.
    until(lambda: process.send_signal(signal.SIGINT) or process.poll() is not None, pause_s=0.1)
    process.communicate(timeout=60)
    assert process.returncode == 130


def test_a_killed_run_is_found_and_continued(flowcraft):
    flowcraft.write("slow.yaml", SLOW)
    process = flowcraft.begin("run", "slow.yaml", "--run-id", "r")
    group = int(wait_for(flowcraft.folder / "pid.txt"))
    process.kill()
    process.communicate(timeout=60)
    until(lambda: not group_lives(group))
    assert flowcraft("list", "--json").json["runs"][0]["status"] == "interrupted"
    check = flowcraft("reconcile", "r", "--check")
    assert check.code == 8
    assert "died" in check.err
    (flowcraft.folder / "go").touch()
    assert flowcraft("reconcile", "--all").code == 0
    assert (flowcraft.folder / "once.txt").read_text() == "once\n"


def test_wait_follows_a_run_of_another_process_and_cancel_ends_it(flowcraft):
    flowcraft.write("slow.yaml", SLOW)
    process = flowcraft.begin("run", "slow.yaml", "--run-id", "r")
    group = int(wait_for(flowcraft.folder / "pid.txt"))
    assert flowcraft("wait", "r", "--timeout", "300ms").code == 6
    assert flowcraft("cancel", "r").code == 0
    assert flowcraft("wait", "r", "--timeout", "50s").code == 4
    process.communicate(timeout=60)
    assert process.returncode == 4
    until(lambda: not group_lives(group))


LEFT = """
import asyncio, time
from pathlib import Path
from flowcraft_engine import node

@node("in-a-thread")
async def in_a_thread():
    Path("pid.txt").write_text("begun")
    await asyncio.to_thread(time.sleep, 60)

@node("heedless")
async def heedless():
    Path("pid.txt").write_text("begun")
    while True:
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            pass
"""


def test_a_command_does_not_wait_for_a_thread_that_a_node_has_left(flowcraft):
    flowcraft.write("left.py", LEFT)
    flowcraft.write("left.yaml", "nodes:\n  - {id: a, uses: in-a-thread, config: {timeout: 100ms}}\n")
    process = flowcraft.begin("run", "left.yaml", "--app", "left", "-q")
    _, err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "timeout of 100ms" in err


@pytest.mark.parametrize("uses", ["in-a-thread", "heedless"])
def test_a_signal_ends_a_command_whatever_nodes_do(flowcraft, uses):
    flowcraft.write("left.py", LEFT)
    flowcraft.write("left.yaml", f"nodes:\n  - {{id: a, uses: {uses}}}\n")
    process = flowcraft.begin("run", "left.yaml", "--app", "left", "--run-id", "r")
    wait_for(flowcraft.folder / "pid.txt")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "flowcraft reconcile r" in err
