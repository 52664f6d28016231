"""Which jobs are taken for lost, by what is at the head of the queue."""

from __future__ import annotations

import asyncio

from flowcraft_engine import parse_blueprint
from flowcraft_engine.backends.dramatiq.adapter import DramatiqRedisAdapter
from flowcraft_engine.backends.redis.fleet import RedisFleet
from flowcraft_engine.backends.redis.store import RedisCoordinationStore
from flowcraft_engine.stores.job_queue import JobPayload
from flowcraft_engine.stores.queue_names import DEFAULT_QUEUE

_NODES = 3
_WIDE = {"id": "wide", "nodes": [{"id": f"n{i}", "uses": "noop"} for i in range(_NODES)]}


def _lost(redis_url: str, head_after_s: float | None) -> int:
    """How many of the jobs of a new run are taken for lost, with a head published that long after its start."""

    async def look() -> int:
        async with DramatiqRedisAdapter(redis_url) as client:
            await client.start_run(parse_blueprint(_WIDE))
            store = client.ports.store
            assert isinstance(store, RedisCoordinationStore)
            now = client.ports.clock.now()
            head = None if head_after_s is None else now + head_after_s
            await asyncio.sleep(0.002)  # the server counts in milliseconds
            return len(await RedisFleet(store, lost_after_ms=0).take_lost(DEFAULT_QUEUE, head))

    return asyncio.run(look())


def test_a_job_is_not_lost_while_one_that_became_ready_with_it_is_at_the_head(redis_url: str) -> None:
    assert _lost(redis_url, 0.05) == 0


def test_a_job_is_lost_when_one_that_was_published_long_after_it_is_at_the_head(redis_url: str) -> None:
    assert _lost(redis_url, 5.0) == _NODES


def test_a_job_is_lost_when_the_queue_is_empty(redis_url: str) -> None:
    assert _lost(redis_url, None) == _NODES


def test_how_old_a_message_is_is_told_alike_by_those_who_wait_longer_and_shorter_for_one(
    redis_url: str,
) -> None:
    async def look() -> None:
        async with DramatiqRedisAdapter(redis_url) as client:
            run_id = await client.start_run(parse_blueprint(_WIDE))
            store = client.ports.store
            assert isinstance(store, RedisCoordinationStore)
            hasty = RedisFleet(store, lost_after_ms=250)
            times = 0
            async with asyncio.timeout(30):
                while times < 3:  # the third time it is in the future, by a pause
                    before = client.ports.clock.now()
                    times += bool(await hasty.take_lost(DEFAULT_QUEUE, None))
                    await asyncio.sleep(0.02)
            after = client.ports.clock.now()
            for lost_after_ms in (250, 5_000, 60_000):
                fleet = RedisFleet(store, lost_after_ms=lost_after_ms)
                found = (await fleet.look_up(run_id, DEFAULT_QUEUE, ["n0"]))["n0"].published_at
                assert found is not None
                assert before - 0.1 <= found <= after + 0.1

    asyncio.run(look())


def test_nobody_looks_for_a_job_that_was_claimed_while_its_message_was_looked_for(redis_url: str) -> None:
    async def look() -> None:
        async with DramatiqRedisAdapter(redis_url) as client:
            run_id = await client.start_run(parse_blueprint(_WIDE))
            store = client.ports.store
            assert isinstance(store, RedisCoordinationStore)
            fleet = RedisFleet(store, lost_after_ms=0)
            first, second = JobPayload(run_id, "n0"), JobPayload(run_id, "n1")
            assert await fleet.park(second, DEFAULT_QUEUE, await fleet.registrations())
            assert await store.claim(run_id, [("n0", "nonce")], "somebody")
            assert not await fleet.unpark(first, DEFAULT_QUEUE)
            assert await fleet.unpark(second, DEFAULT_QUEUE)
            assert await fleet.parked() == []
            await asyncio.sleep(0.002)
            lost = await fleet.take_lost(DEFAULT_QUEUE, None)
            assert sorted(job.instance for job in lost) == ["n1", "n2"]

    asyncio.run(look())
