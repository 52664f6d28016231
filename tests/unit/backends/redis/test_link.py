"""The link to a server that is killed, restarted, flushed, or asked by callers that go away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

import pytest

from flowcraft_engine import BackendError
from flowcraft_engine.backends.redis import pipe
from flowcraft_engine.backends.redis.address import RedisAddress
from flowcraft_engine.backends.redis.embedded import EmbeddedRedis
from flowcraft_engine.backends.redis.link import Link
from flowcraft_engine.backends.redis.scripts import Scripts
from tests.faults.tcp_proxy import TcpProxy

StartRedis = Callable[..., EmbeddedRedis]


@pytest.mark.asyncio
async def test_a_call_waits_for_a_server_that_is_killed_and_comes_back(start_redis: StartRedis) -> None:
    told: list[bool] = []
    server = start_redis(persistent=True, settings={"appendfsync": "always"})
    link = Link(server.address, patience_s=None, on_outage=lambda why: told.append(why is not None))
    assert await link.call("INCR", "n") == 1
    server.kill()
    waiting = asyncio.create_task(link.call("INCR", "n"))
    while not told:
        await asyncio.sleep(0.01)
    assert not waiting.done()
    await asyncio.to_thread(server.restart)
    assert await waiting == 2
    assert told == [True, False]
    await link.close()


@pytest.mark.asyncio
async def test_a_connection_that_is_cut_is_called_that(redis_address: RedisAddress) -> None:
    told: list[str | None] = []
    with TcpProxy(("127.0.0.1", redis_address.port)) as proxy:
        link = Link(replace(redis_address, port=proxy.port), patience_s=None, on_outage=told.append)
        await link.call("PING")
        waiting = asyncio.create_task(link.call("BLPOP", "nothing", "0.5"))
        await asyncio.sleep(0)
        proxy.cut()
        await waiting
        await link.close()
    assert told == [f"Redis at 127.0.0.1:{proxy.port} closed the connection", None]


@pytest.mark.asyncio
async def test_patience_ends_with_a_sentence(start_redis: StartRedis) -> None:
    server = start_redis()
    link = Link(server.address, patience_s=0.2)
    await link.call("PING")
    server.kill()
    with pytest.raises(BackendError, match="Redis"):
        await link.call("PING")
    await link.close()


@pytest.mark.asyncio
async def test_what_redis_refuses_is_not_tried_again(redis_address: RedisAddress) -> None:
    link = Link(redis_address, patience_s=None)
    await link.call("SET", "text", "x")
    with pytest.raises(BackendError):
        await link.call("INCR", "text")
    await link.close()


@pytest.mark.asyncio
async def test_a_caller_that_goes_away_leaves_the_others_their_replies(redis_address: RedisAddress) -> None:
    link = Link(redis_address)
    calls = [asyncio.create_task(link.call("ECHO", str(number))) for number in range(50)]
    await asyncio.sleep(0)
    for call in calls[::2]:
        call.cancel()
    replies = await asyncio.gather(*calls, return_exceptions=True)
    assert replies[1::2] == [b"%d" % number for number in range(1, 50, 2)]
    assert await link.call("PING") in (b"PONG", True)
    await link.close()


@pytest.mark.asyncio
async def test_scripts_survive_a_script_flush(redis_address: RedisAddress) -> None:
    link, scripts = Link(redis_address), Scripts()
    keys = ["workers", "dead", "manifests", "registrations", "parked"]
    await link.run(scripts.register, keys, "me", 1000, "{}")
    await link.call("SCRIPT", "FLUSH", "SYNC")
    replies = await asyncio.gather(*(link.run(scripts.renew, keys[:3], "me", 1000) for _ in range(5)))
    assert [reply[1] for reply in replies] == [1] * 5
    await link.close()


@pytest.mark.asyncio
async def test_closing_ends_what_is_under_way(redis_address: RedisAddress) -> None:
    link = Link(redis_address, patience_s=0.0)
    calls = [asyncio.create_task(link.call("PING")) for _ in range(3)]
    for _ in range(3):
        await asyncio.sleep(0)  # until they are sent
    await link.close()
    done = await asyncio.gather(*calls, return_exceptions=True)
    assert len(done) == 3


@pytest.mark.asyncio
async def test_nobody_waits_for_a_connection_that_failed_for_whatever_reason(
    redis_address: RedisAddress, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*arguments: object) -> None:
        raise ValueError("no such protocol")

    monkeypatch.setattr(pipe._Line, "open", broken)
    link = Link(redis_address)
    with pytest.raises(ValueError, match="protocol"):
        async with asyncio.timeout(10):
            await link.call("PING")
    await link.close()


@pytest.mark.asyncio
async def test_nobody_waits_for_a_connection_whose_making_was_cancelled(redis_address: RedisAddress) -> None:
    link = Link(redis_address, patience_s=None)
    before = asyncio.all_tasks()
    link.open_soon()
    (opening,) = asyncio.all_tasks() - before
    opening.cancel()
    async with asyncio.timeout(10):
        assert await link.call("PING") in (b"PONG", True)
    await link.close()
