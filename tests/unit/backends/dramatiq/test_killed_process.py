"""A consuming process is killed: what it held goes to another one."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from flowcraft_engine.backends.dramatiq import DramatiqJobQueue
from tests.unit.backends.dramatiq.valkey import Valkey
from tests.unit.backends.dramatiq.worker import Work, consuming, eventually, jobs

pytestmark = pytest.mark.asyncio
ROOT = Path(__file__).parents[4]


@contextmanager
def process(url: str, name: str, manner: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.unit.backends.dramatiq.workload", url, name, manner]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as made:
        try:
            assert made.stdout is not None
            assert made.stdout.readline() == "ready\n"
            yield made
        finally:
            made.kill()


async def lines(made: subprocess.Popen[str], count: int) -> list[str]:
    assert made.stdout is not None
    return [(await asyncio.to_thread(made.stdout.readline)).strip() for _ in range(count)]


async def test_what_a_killed_process_held_is_begun_again_when_its_heartbeat_is_missed(
    server: Valkey, queue: DramatiqJobQueue
) -> None:
    with process(server.url, "first", "hold") as first:
        await queue.publish(jobs(2))
        assert sorted(await lines(first, 2)) == ["begun run-0", "begun run-1"]
        first.kill()
    begin = time.perf_counter()
    work = Work()
    async with consuming(server.url, work, heartbeat_timeout_ms=6000):
        await work.until(2)
    assert sorted(work.runs) == ["run-0", "run-1"]
    # The heartbeat timeout, the time between two looks of an idle consumer, and what a busy machine needs.
    assert time.perf_counter() - begin < 6 + 4 + 4


async def test_what_a_buried_process_held_is_begun_at_the_next_look(
    server: Valkey, queue: DramatiqJobQueue
) -> None:
    with process(server.url, "first", "hold") as first:
        await queue.publish(jobs(1))
        assert await lines(first, 1) == ["begun run-0"]
        first.kill()
        first.wait()
    await queue.bury("first")
    work = Work()
    async with consuming(server.url, work):
        await work.until(1, patience_s=12)  # 15 s if nobody had told


async def test_a_process_that_drains_gives_back_what_it_has_not_begun(
    server: Valkey, queue: DramatiqJobQueue
) -> None:
    with process(server.url, "first", "go") as first:
        await queue.publish(jobs(50))
        first.terminate()
        assert first.stdout is not None
        said = await asyncio.to_thread(first.stdout.read)
        assert first.wait() == 0
    done = said.count("done")
    assert said.count("begun") == done
    assert said.endswith("stopped\n")
    assert await queue.depth() == 50 - done

    async def nothing_left() -> bool:
        with server.client() as client:
            return not client.keys("*__acks__*") and not client.keys("*__heartbeats__")

    await eventually(nothing_left)
