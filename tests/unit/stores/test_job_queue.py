"""The queue of one process."""

from __future__ import annotations

import asyncio

import pytest

from flowcraft_engine import JobPayload
from flowcraft_engine.stores.job_queue import MemoryJobQueue

pytestmark = pytest.mark.asyncio


async def test_jobs_come_out_as_they_went_in_by_run() -> None:
    queue = MemoryJobQueue()
    await queue.publish([JobPayload("r1", "a"), JobPayload("r2", "x"), JobPayload("r1", "b")])
    assert queue.take(2) == {"r1": ["a"], "r2": ["x"]}
    assert queue.take(9) == {"r1": ["b"]}
    assert queue.take(9) == {}


async def test_whoever_waits_is_woken_by_a_job_and_by_a_nudge_only_if_there_is_one() -> None:
    queue = MemoryJobQueue()
    waiting = asyncio.create_task(queue.wait())
    await asyncio.sleep(0)
    queue.nudge()
    await asyncio.sleep(0)
    assert not waiting.done()
    queue.put("r", ["a"])
    await waiting
    queue.nudge()
    await asyncio.wait_for(queue.wait(), 1)


async def test_a_job_of_another_run_is_only_the_oldest_one() -> None:
    queue = MemoryJobQueue()
    queue.put("r1", ["a"])
    queue.put("r2", ["x"])
    assert queue.take_of_another_run("r1") is None
    assert queue.take_of_another_run("r2") == ("r1", "a")
    assert queue.take_of_another_run("r1") == ("r2", "x")
    assert queue.take_of_another_run("r1") is None
