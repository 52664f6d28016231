"""Redis goes away, comes back empty, stands still, or loses replies: the consumer goes on by itself."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
import redis

from flowcraft_engine.backends.dramatiq import DramatiqJobQueue, consumer
from flowcraft_engine.stores.job_queue import JobPayload
from tests.faults.tcp_proxy import TcpProxy
from tests.unit.backends.dramatiq.valkey import Valkey, free_port
from tests.unit.backends.dramatiq.worker import Work, consuming, eventually, jobs

pytestmark = pytest.mark.asyncio
PREFIX = "flowcraft:queue"


@pytest.fixture
def proxy(server: Valkey) -> Iterator[TcpProxy]:
    with TcpProxy(("127.0.0.1", server.port)) as made:
        yield made


@pytest.fixture(autouse=True)
def _short_heartbeat(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumer, "HEARTBEAT_S", 0.3)


def through(proxy: TcpProxy) -> str:
    return f"redis://127.0.0.1:{proxy.port}/0"


@pytest_asyncio.fixture
async def own_queue(own_server: Valkey) -> AsyncIterator[DramatiqJobQueue]:
    made = DramatiqJobQueue(own_server.url)
    yield made
    await made.close()


async def test_a_restarted_server_is_used_within_two_seconds(
    own_server: Valkey, own_queue: DramatiqJobQueue, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "flowcraft.queue")
    work = Work()
    async with consuming(own_server.url, work):
        await own_queue.publish(jobs(1))
        await work.until(1)
        own_server.kill()
        await asyncio.sleep(1.5)
        own_server.start()
        await own_queue.publish(jobs(1, 1))
        await work.until(2, patience_s=2)
    said = [record.getMessage() for record in caplog.records if record.name == "flowcraft.queue"]
    assert len(said) == 2  # once each, not once for each try
    assert "Redis does not answer" in said[0]
    assert "Redis is back after" in said[1]


async def test_a_consumer_started_before_its_server_waits_for_it() -> None:
    late = Valkey()
    work = Work()
    async with consuming(late.url, work):
        await asyncio.sleep(0.3)
        with late:
            queue = DramatiqJobQueue(late.url)
            await queue.publish(jobs(1))
            await work.until(1)
            await queue.close()


async def test_killed_connections_lose_and_double_nothing(server: Valkey, queue: DramatiqJobQueue) -> None:
    work = Work()
    await queue.publish(jobs(400))
    async with consuming(server.url, work, threads=4):
        for round_ in range(20):
            await work.until(round_ * 20)
            with server.client() as client:
                client.client_kill_filter(_type="normal")
        await work.until(400)
    assert sorted(work.runs) == sorted(job.run_id for job in jobs(400))


async def test_scripts_that_the_server_forgot_are_brought_again(
    server: Valkey, queue: DramatiqJobQueue
) -> None:
    work = Work()
    await queue.publish(jobs(1))
    async with consuming(server.url, work):
        await work.until(1)
        with server.client() as client:
            client.script_flush()
        await queue.publish(jobs(20, 1))
        await work.until(21)


async def test_a_fetch_whose_reply_was_lost_strands_no_message(
    server: Valkey, queue: DramatiqJobQueue, proxy: TcpProxy
) -> None:
    work = Work()
    async with consuming(through(proxy), work):
        await eventually(lambda: _is_alive(server))
        proxy.drop_reply_to(b"fetch")
        await queue.publish(jobs(3))
        await work.until(3)
        assert proxy.dropped == 1
    assert sorted(work.runs) == ["run-0", "run-1", "run-2"]


async def test_an_acknowledgement_that_got_lost_is_repeated(
    server: Valkey, queue: DramatiqJobQueue, proxy: TcpProxy
) -> None:
    async def cut(job: JobPayload) -> None:
        proxy.refuse()

    work = Work(cut)
    await queue.publish(jobs(1))
    async with consuming(through(proxy), work):
        await work.until(1)
        await asyncio.sleep(0.5)
        with server.client() as client:
            assert len(client.keys("*__acks__*")) == 1
        proxy.heal()

        async def acknowledged() -> bool:
            with server.client() as client:
                return client.hlen(f"{PREFIX}:default.msgs") == 0 and not client.keys("*__acks__*")

        await eventually(acknowledged, patience_s=5)
    assert len(work.seen) == 1


async def test_a_black_hole_is_left_when_it_ends(
    server: Valkey, queue: DramatiqJobQueue, proxy: TcpProxy
) -> None:
    work = Work()
    async with consuming(through(proxy), work):
        await queue.publish(jobs(1))
        await work.until(1)
        proxy.black_hole()
        await queue.publish(jobs(5, 1))
        await asyncio.sleep(4)
        proxy.heal()
        await work.until(6, patience_s=8)
    assert sorted(work.runs) == sorted(job.run_id for job in jobs(6))


async def test_a_server_that_stands_still_for_longer_than_the_timeout_strands_nothing(
    own_server: Valkey, own_queue: DramatiqJobQueue
) -> None:
    work = Work()
    async with consuming(own_server.url, work):
        await own_queue.publish(jobs(1))
        await work.until(1)
        own_server.hold()
        await asyncio.sleep(6)  # longer than the socket timeout of 5 s
        own_server.go_on()
        await own_queue.publish(jobs(20, 1))
        await work.until(21)

        async def settled() -> bool:
            with own_server.client() as client:
                return not client.keys("*__acks__*")

        await eventually(settled)
    assert set(work.runs) == {job.run_id for job in jobs(21)}


@pytest.mark.parametrize("fault", ["refuse", "black hole"])
async def test_stopping_never_hangs_when_redis_is_away(
    server: Valkey, queue: DramatiqJobQueue, proxy: TcpProxy, fault: str
) -> None:
    async def hold(job: JobPayload) -> None:
        await asyncio.Event().wait()

    work = Work(hold)
    await queue.publish(jobs(10))
    async with consuming(through(proxy), work, threads=2) as stopped:
        await work.until(2)
        proxy.refuse() if fault == "refuse" else proxy.black_hole()
        begin = time.perf_counter()
        await stopped.stop(0.5)
        assert time.perf_counter() - begin < 4


async def test_a_consumer_without_a_server_stops_at_once() -> None:
    async with consuming(f"redis://127.0.0.1:{free_port()}/0", Work()) as stopped:
        begin = time.perf_counter()
        await stopped.stop(5)
        assert time.perf_counter() - begin < 2


async def test_an_idle_or_full_consumer_shows_that_it_lives(server: Valkey, queue: DramatiqJobQueue) -> None:
    go_on = asyncio.Event()

    async def hold(job: JobPayload) -> None:
        await go_on.wait()

    work = Work(hold)
    async with consuming(server.url, work, threads=1, heartbeat_timeout_ms=3000) as held:
        await eventually(lambda: _is_alive(server))
        assert await _beats(server, held.name)
        await queue.publish(jobs(12))
        await work.until(1)
        assert await _beats(server, held.name)
        other = Work()
        async with consuming(server.url, other, heartbeat_timeout_ms=3000):
            await other.until(4)  # what the first has no hands for
            await asyncio.sleep(4)  # longer than the time after which a silent consumer is robbed
        go_on.set()
        await work.until(8)
    assert sorted(work.runs + other.runs) == sorted(job.run_id for job in jobs(12))


async def _beats(server: Valkey, name: str) -> bool:
    with server.client() as client:
        seen = {client.zscore(f"{PREFIX}:__heartbeats__", name)}
        for _ in range(4):
            await asyncio.sleep(0.7)
            seen.add(client.zscore(f"{PREFIX}:__heartbeats__", name))
    return len(seen) == 5


async def _is_alive(server: Valkey) -> bool:
    try:
        with server.client() as client:
            return client.zcard(f"{PREFIX}:__heartbeats__") > 0
    except redis.ConnectionError:
        return False
