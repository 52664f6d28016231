"""The one connection of a process to its Redis, cut at the worst moments."""

from __future__ import annotations

import asyncio

from flowcraft_engine.backends.dramatiq.job_queue import DramatiqJobQueue
from flowcraft_engine.backends.redis.address import RedisAddress
from flowcraft_engine.backends.redis.link import Link
from tests.faults.tcp_proxy import TcpProxy


def test_a_link_comes_back_after_several_tries_in_vain(redis_address: RedisAddress) -> None:
    async def scenario(proxy: TcpProxy) -> None:
        link = Link(RedisAddress(host="127.0.0.1", port=proxy.port), patience_s=None)
        assert await link.call("ECHO", "before") == b"before"
        proxy.refuse()
        late = asyncio.create_task(link.call("ECHO", "after"))
        while proxy.accepted < 4:  # so many tries were in vain
            await asyncio.sleep(0.01)
        proxy.heal()
        assert await asyncio.wait_for(late, 30) == b"after"
        await link.close()

    with TcpProxy((redis_address.host, redis_address.port)) as proxy:
        asyncio.run(scenario(proxy))


def test_a_task_that_asks_the_queue_ends_when_it_is_cancelled_at_any_moment(redis_url: str) -> None:
    """redis-py forgets a cancellation that comes in the same turn as a reply."""

    async def ask_for_ever(queue: DramatiqJobQueue) -> None:
        while True:
            await queue.head_time()

    async def scenario() -> None:
        queue = DramatiqJobQueue(redis_url)
        for turns in range(120):
            task = asyncio.create_task(ask_for_ever(queue))
            for _ in range(3 + turns % 40):
                await asyncio.sleep(0)
            task.cancel()
            done, _ = await asyncio.wait([task], timeout=30)
            assert done, f"it goes on after it was cancelled in turn {turns}"
        await queue.close()

    asyncio.run(scenario())
