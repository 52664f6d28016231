"""The live tree on a terminal of any width: what is shown fits, and the terminal is left as it was found."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import pytest

FLOW = """
id: release
nodes:
  - {id: checkout, uses: shell, params: {run: "echo hello; sleep 0.3"}}
  - {id: a-node-with-a-rather-long-name, uses: noop, needs: [checkout], for_each: "${{ [1, 2, 3] }}"}
  - {id: nap, uses: sleep, needs: [checkout], params: {duration: 400ms}}
outputs: {code: checkout.code}
"""
_CODES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def on_terminal(flowcraft, columns: int, *arguments: str, **env: str) -> tuple[int, str, str]:
    """Exit code, stdout, and all that was written to a terminal of that width as stderr."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    environment = flowcraft.environment(TERM="xterm", LC_ALL="C.UTF-8", **env)
    environment.pop("COLUMNS", None)
    process = subprocess.Popen(
        [sys.executable, "-m", "flowcraft_cli", *arguments],
        stdout=subprocess.PIPE, stderr=slave, stdin=subprocess.DEVNULL, cwd=flowcraft.folder, env=environment,
    )  # fmt: skip
    os.close(slave)
    shown = bytearray()
    while True:
        try:
            data = os.read(master, 65_536)
        except OSError:  # the other side is closed
            break
        if not data:
            break
        shown += data
    out, _ = process.communicate(timeout=30)
    os.close(master)
    return process.returncode, out.decode(), shown.decode()


@pytest.mark.parametrize("columns", [20, 80, 200])
def test_the_live_tree_fits_and_leaves_a_still_one(flowcraft, columns):
    flowcraft.write("r.yaml", FLOW)
    code, out, shown = on_terminal(flowcraft, columns, "run", "r.yaml")
    assert (code, out) == (0, '{\n  "code": 0\n}\n')
    text = _CODES.sub("", shown)
    live = text.partition("completed release")[0]
    tree_lines = [line for line in re.split(r"[\r\n]+", live) if " left" in line or "▸" in line]
    assert all(len(line) < columns for line in tree_lines)
    assert "checkout │ hello" in text
    assert "3/3" in text or columns == 20
    assert shown.count("\x1b[?25l") == shown.count("\x1b[?25h"), "the cursor is shown again"


def test_no_color_keeps_the_tree_and_drops_the_colours(flowcraft):
    flowcraft.write("r.yaml", FLOW)
    _, _, shown = on_terminal(flowcraft, 80, "run", "r.yaml", NO_COLOR="1")
    assert "checkout" in shown
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", shown)


@pytest.mark.parametrize("variable", [{"CI": "true"}, {"TERM": "dumb"}])
def test_without_a_real_terminal_there_are_plain_lines(flowcraft, variable):
    flowcraft.write("r.yaml", FLOW)
    env = dict(variable)
    term = env.pop("TERM", None)
    if term is not None:
        done = flowcraft("run", "r.yaml", TERM=term)
        assert re.search(r"^\d\d:\d\d:\d\d checkout completed", done.err, re.MULTILINE)
        return
    _, _, shown = on_terminal(flowcraft, 80, "run", "r.yaml", **env)
    assert re.search(r"\d\d:\d\d:\d\d checkout", _CODES.sub("", shown))
    assert "\x1b[?25l" not in shown
