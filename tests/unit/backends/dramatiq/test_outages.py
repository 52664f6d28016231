"""Redis goes away, comes back empty, stands still, or loses replies: the consumer goes on by itself."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
import redis
from dramatiq.worker import ConsumerThread

from flowcraft_engine.backends.dramatiq import DramatiqJobQueue, JobConsumer, consumer
from flowcraft_engine.backends.dramatiq.broker import HardenedBroker
from flowcraft_engine.stores.job_queue import JobPayload
from tests.faults.tcp_proxy import TcpProxy
from tests.ports import free_port
from tests.unit.backends.dramatiq.valkey import Valkey
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


async def test_jobs_go_back_when_the_loop_that_should_execute_them_is_closed(
    server: Valkey, queue: DramatiqJobQueue, caplog: pytest.LogCaptureFixture
) -> None:
    work, closed = Work(), asyncio.new_event_loop()
    made = JobConsumer(server.url, work, threads=1)
    made.start(closed)
    try:
        await queue.publish(jobs(3))

        async def are_waiting(count: int) -> bool:
            return await queue.depth() == count

        await eventually(lambda: are_waiting(0))  # they are on their way to a loop that never runs
        closed.close()
        await eventually(lambda: are_waiting(3))
        await queue.publish(jobs(2, 3))
        with server.client() as client:
            await eventually(lambda: are_waiting(5))
            assert not client.exists(f"{PREFIX}:__acks__.{made.name}.default")
    finally:
        await made.stop(1)
    assert work.seen == []
    assert caplog.text.count("The event loop that executed jobs is closed") == 1
    assert await queue.depth() == 5


async def test_a_restarted_server_is_used_within_two_seconds(
    own_server: Valkey, own_queue: DramatiqJobQueue, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "flowcraft.queue")
    work, taken = Work(), [float("inf")]
    async with consuming(own_server.url, work):
        await own_queue.publish(jobs(1))
        await work.until(1)
        while len(taken) < 5 and min(taken) > 2:  # a busy machine may need longer now and then
            own_server.kill()
            await asyncio.sleep(1.5)
            own_server.start()
            begin = time.perf_counter()
            await own_queue.publish(jobs(1, len(taken)))
            await work.until(len(taken) + 1)
            taken.append(time.perf_counter() - begin)
    assert min(taken) < 2, taken
    said = [record.getMessage() for record in caplog.records if record.name == "flowcraft.queue"]
    assert len(said) == 2 * (len(taken) - 1)  # once each, not once for each try
    assert "nothing listens there; waiting until it is back" in said[0]
    assert "Redis is back after" in said[1]


async def test_what_keeps_a_consumer_waiting_is_told_in_our_words(
    own_server: Valkey, own_queue: DramatiqJobQueue, caplog: pytest.LogCaptureFixture
) -> None:
    work = Work()
    async with consuming(own_server.url, work):
        await own_queue.publish(jobs(1))
        await work.until(1)
        with own_server.client() as admin:
            admin.replicaof("127.0.0.1", "1")
            await eventually(lambda: _has_said(caplog, "is a replica, which takes no writes; waiting"))
            admin.replicaof("NO", "ONE")
        await eventually(lambda: _has_said(caplog, "Redis is back"))
    assert not [record for record in caplog.records if "cannot be used" in record.getMessage()]


async def _has_said(caplog: pytest.LogCaptureFixture, words: str) -> bool:
    return words in caplog.text


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
        proxy.drop_reply_to(b"BLMOVE")  # the fetch travels with it, and waits on the server for what comes
        await queue.publish(jobs(1))
        await work.until(1)
        await queue.publish(jobs(2, 1))
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

        await eventually(acknowledged)
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
        await work.until(6, patience_s=14)  # a silent consumer counts as dead after 15 s
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


def count_consumers() -> int:
    return sum(isinstance(it, ConsumerThread) for it in threading.enumerate())


@pytest.mark.parametrize("fault", ["refuse", "black hole"])
async def test_stopping_never_hangs_when_redis_is_away(
    server: Valkey, queue: DramatiqJobQueue, proxy: TcpProxy, fault: str
) -> None:
    async def hold(job: JobPayload) -> None:
        await asyncio.Event().wait()

    work = Work(hold)
    before = count_consumers()
    await queue.publish(jobs(10))
    async with consuming(through(proxy), work, threads=2) as stopped:
        await work.until(2)
        proxy.refuse() if fault == "refuse" else proxy.black_hole()
        begin = time.perf_counter()
        await stopped.stop(0.5)
        assert time.perf_counter() - begin < 10  # 3.5 at most, and what a busy machine needs

    async def have_ended() -> bool:
        return count_consumers() <= before

    await eventually(have_ended)


async def test_a_consumer_without_a_server_stops_at_once() -> None:
    taken = []
    for _ in range(3):  # a busy machine may need longer now and then
        async with consuming(f"redis://127.0.0.1:{free_port()}/0", Work()) as stopped:
            begin = time.perf_counter()
            await stopped.stop(5)
            taken.append(time.perf_counter() - begin)
    assert min(taken) < 2, taken


async def test_a_connection_that_breaks_in_the_goodbye_is_told_in_our_words(
    server: Valkey, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def leave(broker: HardenedBroker) -> None:
        cut = ConnectionResetError(104, "Connection reset by peer")
        raise redis.ConnectionError(
            f"Error while reading from 127.0.0.1:1 : {cut.args}"
        ) from cut  # as redis-py

    monkeypatch.setattr(HardenedBroker, "leave", leave)
    async with consuming(server.url, Work()) as stopped:
        await stopped.stop(1)
    # A consumer of an earlier test may say goodbye now, to another server.
    ours = f"Redis at 127.0.0.1:{server.port} "
    said = [it.getMessage() for it in caplog.records if it.getMessage().startswith(ours)]
    assert said == [f"{ours}closed the connection; others take over when our heartbeat is missed"]


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
    """Whether it goes on beating, now or soon."""
    seen = set()

    async def five_times() -> bool:
        with server.client() as client:
            seen.add(client.zscore(f"{PREFIX}:__heartbeats__", name))
        return len(seen - {None}) == 5

    await eventually(five_times)
    return True


async def _is_alive(server: Valkey) -> bool:
    try:
        with server.client() as client:
            return client.zcard(f"{PREFIX}:__heartbeats__") > 0
    except redis.ConnectionError:
        return False
