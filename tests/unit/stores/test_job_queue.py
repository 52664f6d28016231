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
    assert len(queue) == 3
    assert queue.take(9) == {"r1": ["a", "b"], "r2": ["x"]}
    assert queue.take(9) == {}


async def test_a_run_with_many_jobs_does_not_hold_up_the_others() -> None:
    queue = MemoryJobQueue()
    queue.put("wide", map(str, range(100)))
    queue.put("r1", ["a"])
    queue.put("r2", ["x"])
    assert queue.take(3) == {"wide": ["0", "1", "2"]}
    assert queue.take(3) == {"r1": ["a"], "r2": ["x"], "wide": ["3"]}


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


async def test_a_job_of_another_run_is_only_the_next_one() -> None:
    queue = MemoryJobQueue()
    queue.put("r1", ["a", "b"])
    queue.put("r2", ["x"])
    assert queue.take_of_another_run("r1") is None
    assert queue.take_of_another_run("r2") == ("r1", "a")
    assert queue.take_of_another_run("r1") == ("r2", "x")
    assert queue.take_of_another_run("r2") == ("r1", "b")
    assert queue.take_of_another_run("r1") is None


async def test_one_of_many_jobs_is_left_to_those_who_take_many() -> None:
    queue = MemoryJobQueue()
    queue.put("wide", map(str, range(9)))
    queue.put("r", ["x"])
    assert queue.take_of_another_run("other") is None
    assert list(queue.few_jobs_of("wide")) == []


async def test_the_jobs_of_a_run_are_taken_one_by_one() -> None:
    queue = MemoryJobQueue()
    queue.put("r1", ["a", "b"])
    queue.put("r2", ["x"])
    jobs = iter(queue.few_jobs_of("r1"))
    assert len(queue) == 3
    assert next(jobs) == "a"
    assert len(queue) == 2
    queue.put("r1", ["c"])
    assert list(jobs) == ["b", "c"]
    assert queue.take(9) == {"r2": ["x"]}


async def test_few_jobs_of_the_only_run_are_left_to_those_who_take_many() -> None:
    queue = MemoryJobQueue()
    queue.put("r", ["a"])
    assert list(queue.few_jobs_of("r")) == []
    assert not queue.has_others_than("r")
    assert queue.has_others_than("another")
    assert queue.take(1) == {"r": ["a"]}
    assert not queue.has_others_than("another")
