"""What nodes print and log is kept with their attempt, whoever else talks at the same time."""

from __future__ import annotations

import asyncio
import io
import logging
import sys
import threading
from typing import Any

import pytest

from flowcraft_cli.colour import wants_colour
from flowcraft_engine import NodeContext
from flowcraft_engine.execution.output_log import KEPT_BYTES
from flowcraft_engine.nodes.node_output import tapped_streams
from tests.unit.runtime.play import blueprint, runtime

pytestmark = pytest.mark.asyncio


async def play(text: str, nodes: dict[str, Any], **more: Any) -> dict[str, list[tuple[str, str | None, str]]]:
    """Run a graph; what was kept, by instance and attempt."""
    made = blueprint(text, **more)
    flow = runtime(made, nodes)
    with tapped_streams():
        await flow.run(made, run_id="run")
    found: dict[str, list[tuple[str, str | None, str]]] = {}
    for part in await flow.store.read_logs("run"):  # type: ignore[attr-defined]  # a memory store
        name = f"{part.instance}.{part.attempt}"
        found.setdefault(name, []).extend((line.stream, line.level, line.text) for line in part.lines)
        if part.left_out:
            found[name].append(("left out", None, str(part.left_out)))
    return found


async def test_prints_of_nodes_that_run_at_the_same_time_are_kept_apart() -> None:
    met = asyncio.Barrier(2)

    async def talk(ctx: NodeContext) -> None:
        print("begin", ctx.node_id)
        await met.wait()
        print("end", ctx.node_id, file=sys.stderr)

    found = await play("A; B", {"A": talk, "B": talk})
    assert found == {
        name + ".1": [("stdout", None, f"begin {name}"), ("stderr", None, f"end {name}")] for name in "AB"
    }


async def test_sync_nodes_and_tasks_of_nodes_are_heard_too() -> None:
    def sync(ctx: NodeContext) -> None:
        print("from a thread")

    async def tasks(ctx: NodeContext) -> None:
        async def inner() -> None:
            print("from a task")

        await asyncio.gather(inner(), asyncio.to_thread(print, "from a worker thread"))

    found = await play("A; B", {"A": sync, "B": tasks})
    assert found["A.1"] == [("stdout", None, "from a thread")]
    assert sorted(found["B.1"]) == [("stdout", None, "from a task"), ("stdout", None, "from a worker thread")]


async def test_log_lines_have_a_level_and_debug_is_not_kept() -> None:
    async def log(ctx: NodeContext) -> None:
        assert ctx.logger.isEnabledFor(logging.INFO)
        ctx.logger.debug("quiet")
        ctx.logger.info("%s of %s", 1, 2)
        try:
            raise ValueError("boom")
        except ValueError:
            ctx.logger.exception("it broke")
        ctx.logger.warning("%d", "no number")

    found = (await play("A", {"A": log}))["A.1"]
    assert found[0] == ("log", "INFO", "1 of 2")
    assert found[1][:2] == ("log", "ERROR")
    assert found[1][2].startswith("it broke\nTraceback")
    assert found[1][2].endswith("ValueError: boom")
    assert found[2] == ("log", "WARNING", "%d (TypeError while formatting)")


async def test_records_still_reach_the_handlers_of_the_program(caplog: pytest.LogCaptureFixture) -> None:
    async def log(ctx: NodeContext) -> None:
        ctx.logger.warning("both")

    with caplog.at_level(logging.WARNING, "flowcraft"):
        await play("A", {"A": log})
    (record,) = caplog.records
    assert (record.getMessage(), record.filename) == ("both", "test_node_output.py")
    assert record.node_id == "A"  # type: ignore[attr-defined]  # from `extra`


async def test_lines_of_commands_are_kept_by_stream() -> None:
    data = {"A": {"uses": "shell", "params": {"run": "echo out; echo err >&2; printf rest"}}}
    found = await play("A", {}, patch=data)
    assert sorted(found["A.1"]) == [
        ("stderr", None, "err"),
        ("stdout", None, "out"),
        ("stdout", None, "rest"),
    ]


async def test_every_attempt_has_its_own_log() -> None:
    async def shaky(ctx: NodeContext) -> None:
        print("attempt", ctx.attempt)
        if ctx.attempt == 1:
            raise ValueError

    found = await play("A*2", {"A": shaky})
    assert found == {"A.1": [("stdout", None, "attempt 1")], "A.2": [("stdout", None, "attempt 2")]}


async def test_a_beginning_of_a_line_waits_for_its_end() -> None:
    async def slow(ctx: NodeContext) -> None:
        for word in ("one ", "two", "\nthree"):
            print(word, end="", flush=True)
            await asyncio.sleep(0)

    assert (await play("A", {"A": slow}))["A.1"] == [
        ("stdout", None, "one two"),
        ("stdout", None, "three"),
    ]


async def test_what_is_too_much_is_counted() -> None:
    async def loud(ctx: NodeContext) -> None:
        for _ in range(1000):
            print("x" * 99)

    found = (await play("A", {"A": loud}))["A.1"]
    assert len(found) == KEPT_BYTES // 100 + 1
    assert found[-1] == ("left out", None, str(100 * (1000 - KEPT_BYTES // 100)))


async def test_threads_of_their_own_are_shown_but_belong_to_nobody(
    capsys: pytest.CaptureFixture[str],
) -> None:
    async def start(ctx: NodeContext) -> None:
        thread = threading.Thread(target=print, args=("whose?",))
        thread.start()
        thread.join()

    assert await play("A", {"A": start}) == {}
    assert capsys.readouterr().out == "whose?\n"


async def test_nodes_that_say_nothing_leave_nothing() -> None:
    async def silent(ctx: NodeContext) -> None:
        assert ctx.page is None

    assert await play("A -> B", {"A": silent, "B": silent}) == {}


async def test_the_streams_are_given_back() -> None:
    before = sys.stdout, sys.stderr
    with tapped_streams():
        assert sys.stdout.fileno() == before[0].fileno() if hasattr(before[0], "fileno") else True
        sys.stdout.close()
        print("still open")
    assert (sys.stdout, sys.stderr) == before


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


async def test_nodes_whose_output_becomes_lines_are_not_told_of_a_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdout", _Terminal())
    with tapped_streams():
        assert sys.stdout.isatty()
    with tapped_streams(as_log=True):
        assert not sys.stdout.isatty()
        monkeypatch.setenv("TERM", "xterm")
        monkeypatch.delenv("NO_COLOR", raising=False)
        assert wants_colour("stdout")
