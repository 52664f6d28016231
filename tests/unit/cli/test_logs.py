"""`flowcraft logs`: what nodes printed, on the screen and as a document."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from flowcraft_engine.backends.sqlite import SqliteStore
from flowcraft_engine.clock import ManualClock
from flowcraft_engine.stores.log_store import LogLine, LogPart
from tests.contracts.driver import Driver
from tests.unit.cli.conftest import command, environment, write

Flowcraft = Callable[..., Any]


@pytest.fixture
def talking() -> str:
    write(
        "nodes_of_mine.py",
        "from flowcraft_engine import node\n"
        "@node('talk')\n"
        "def talk(ctx):\n"
        "    print('hello from', ctx.node_id)\n"
        "    ctx.logger.warning('mind the %s', 'gap')\n"
        "    if ctx.attempt == 1:\n"
        "        raise ValueError('again')\n",
    )
    write("child.yaml", "id: child\nnodes:\n  - {id: inner, uses: shell, params: {run: 'echo inside'}}\n")
    return write(
        "talking.yaml",
        "id: talking\n"
        "nodes:\n"
        "  - {id: one, uses: talk, config: {max_retries: 2}}\n"
        "  - {id: two, uses: shell, needs: [one], params: {run: 'printf \"\\\\033[31mred\\\\007\\\\n\"'}}\n"
        "  - {id: sub, uses: subflow, needs: [two], params: {blueprint_id: child}}\n",
    )


def lines(outcome: Any) -> list[str]:
    """Without the times."""
    return [line.split(" ", 1)[1] for line in outcome.out.splitlines()]


def test_output_is_shown_by_attempt_with_sub_runs_and_escaped(flowcraft: Flowcraft, talking: str) -> None:
    assert flowcraft("run", talking, "--run-id", "r", "--app", "nodes_of_mine", "-q").code == 0
    assert lines(flowcraft("logs", "r")) == [
        "one | hello from one",
        "one | warning: mind the gap",
        "one (attempt 2) | hello from one",
        "one (attempt 2) | warning: mind the gap",
        r"two | \x1b[31mred\x07",
        "sub › inner | inside",
    ]
    assert lines(flowcraft("logs", "r", "two")) == [r"two | \x1b[31mred\x07"]
    assert lines(flowcraft("logs", "r", "sub")) == ["sub › inner | inside"]
    assert lines(flowcraft("logs", "r:sub", "inner")) == ["inner | inside"]
    unknown = flowcraft("logs", "r", "three")
    assert (unknown.code, unknown.out) == (7, "")


@pytest.mark.parametrize("manner", [(), ("-q",), ("--json",)])
def test_what_is_kept_does_not_depend_on_what_is_shown(
    flowcraft: Flowcraft, talking: str, manner: tuple[str, ...]
) -> None:
    flowcraft("run", talking, "--run-id", "r", "--app", "nodes_of_mine", *manner)
    found = flowcraft("logs", "r", "one", "--json").json
    assert [(it["attempt"], it["stream"], it["level"], it["text"]) for it in found["lines"]] == [
        (attempt, *line)
        for attempt in (1, 2)
        for line in (("stdout", None, "hello from one"), ("log", "WARNING", "mind the gap"))
    ]


def test_a_repeated_node_says_its_generation(flowcraft: Flowcraft) -> None:
    write("a.yaml", "nodes:\n  - {id: a, uses: shell, params: {run: 'echo again'}}\n")
    flowcraft("run", "a.yaml", "--run-id", "r")
    flowcraft("rerun", "r", "--from", "a")
    assert lines(flowcraft("logs", "r")) == ["a | again", "a (generation 2) | again"]
    flowcraft("prune", "--older-than", "0s")
    assert flowcraft("logs", "r").code == 7


def test_a_run_of_another_process_is_followed_to_its_end(folder: Path, flowcraft: Flowcraft) -> None:
    """The second line is printed only when the first one has been seen."""
    write(
        "slow.yaml",
        "nodes:\n"
        "  - {id: a, uses: shell, params: {run: 'echo first; until test -e seen; do sleep 0.05; done; echo last'}}\n",
    )
    running = subprocess.Popen(
        command("run", "slow.yaml", "--run-id", "r", "-q"), env=environment(), stdout=subprocess.DEVNULL
    )
    try:
        while flowcraft("logs", "r").code == 7 or "first" not in flowcraft("logs", "r").out:
            assert running.poll() is None
        follow = command("logs", "r", "--follow")
        with subprocess.Popen(follow, env=environment(), stdout=subprocess.PIPE, text=True) as follower:
            assert follower.stdout is not None
            assert follower.stdout.readline().endswith("a | first\n")
            (folder / "seen").touch()
            assert follower.stdout.readline().endswith("a | last\n")
        assert follower.returncode == 0
    finally:
        (folder / "seen").touch()
        assert running.wait(30) == 0


def test_last_words_that_are_written_after_the_end_are_followed_too(folder: Path) -> None:
    async def play() -> str:
        clock = ManualClock(time.time())
        run = Driver(SqliteStore(folder / ".flowcraft" / "state.db", clock), clock, "r")
        await run.begin("a")
        await run.store.attend("r", run.store.claimant())
        await run.claim("a")
        await say(run, "first")
        follow = command("logs", "r", "--follow")
        with subprocess.Popen(follow, env=environment(), stdout=subprocess.PIPE, text=True) as follower:
            assert follower.stdout is not None
            assert follower.stdout.readline().endswith("a | first\n")
            await run.commit_completed("a")
            await run.store.flush()
            time.sleep(0.3)  # longer than the follower waits between two looks
            await say(run, "last")
            rest = follower.stdout.read()
        await run.store.close()
        return rest

    async def say(run: Driver, text: str) -> None:
        line = LogLine(time.time(), "stdout", None, text)
        await run.store.write_logs([LogPart("r", "a", 1, 1, (line,))])  # type: ignore[attr-defined]  # as in a run
        await run.store.flush()

    assert asyncio.run(play()).endswith("a | last\n")


def test_what_was_left_out_of_an_attempt_is_counted_once(flowcraft: Flowcraft) -> None:
    script = "for part in 1 2; do seq 1 20000; sleep 0.7; done"
    long = write("long.yaml", f"nodes:\n  - {{id: a, uses: shell, params: {{run: '{script}'}}}}\n")
    assert flowcraft("run", long, "--run-id", "r", "-q").code == 0
    told = [line for line in flowcraft("logs", "r").out.splitlines() if "left out" in line]
    assert len(told) == 1
