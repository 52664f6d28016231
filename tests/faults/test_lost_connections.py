"""The one connection of a process to its Redis, cut at the worst moments."""

from __future__ import annotations

import asyncio

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
        assert await asyncio.wait_for(late, 5) == b"after"
        await link.close()

    with TcpProxy((redis_address.host, redis_address.port)) as proxy:
        asyncio.run(scenario(proxy))
