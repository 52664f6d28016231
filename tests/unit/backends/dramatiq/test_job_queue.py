"""Publishing, and looking at queues."""

from __future__ import annotations

import asyncio
import threading

import pytest
from dramatiq import Message, Worker, actor
from dramatiq.brokers.redis import RedisBroker

from flowcraft_engine.backends.dramatiq import DramatiqJobQueue
from flowcraft_engine.backends.dramatiq.adapter import DramatiqRedisAdapter
from flowcraft_engine.backends.dramatiq.layout import ACTOR
from flowcraft_engine.clock import ManualClock
from flowcraft_engine.errors import BackendError
from tests.faults.tcp_proxy import TcpProxy
from tests.ports import free_port
from tests.unit.backends.dramatiq.valkey import Valkey
from tests.unit.backends.dramatiq.worker import eventually, jobs

pytestmark = pytest.mark.asyncio
PREFIX = "flowcraft:queue"


async def test_the_layout_is_that_of_dramatiqs_own_enqueue(server: Valkey, queue: DramatiqJobQueue) -> None:
    await queue.publish(jobs(1))
    with server.client() as client:
        [message_id] = client.lrange(f"{PREFIX}:default", 0, -1)
        ours = {key: client.type(key) for key in client.keys("*")}
        message = Message.decode(client.hget(f"{PREFIX}:default.msgs", message_id))
        client.flushall()
        RedisBroker(url=server.url, namespace=PREFIX, middleware=[]).enqueue(message)
        theirs = {key: client.type(key) for key in client.keys("*")}
        [their_id] = client.lrange(f"{PREFIX}:default", 0, -1)
        again = Message.decode(client.hget(f"{PREFIX}:default.msgs", their_id))
    # A producer of ours leaves no heartbeat, which others would have to clean up.
    assert ours == {key: kind for key, kind in theirs.items() if b"__heartbeats__" not in key}
    assert again.copy(options={"redis_message_id": message_id.decode()}) == message


async def test_a_stock_worker_understands_our_messages(server: Valkey, queue: DramatiqJobQueue) -> None:
    await queue.publish(jobs(1))
    seen, arrived = [], threading.Event()
    broker = RedisBroker(url=server.url, namespace=PREFIX, middleware=[])

    @actor(broker=broker, actor_name=ACTOR)
    def run_node(v: int, run: str, instance: str, blueprint: str) -> None:
        seen.append((v, run, instance, blueprint))
        arrived.set()

    worker = Worker(broker, worker_threads=1, worker_timeout=10)
    worker.start()
    assert await asyncio.to_thread(arrived.wait, 60)
    await asyncio.to_thread(worker.stop)
    broker.client.close()
    assert seen == [(1, "run-0", "a", "flow@1.0.0")]


async def test_jobs_keep_their_order(server: Valkey, queue: DramatiqJobQueue) -> None:
    await queue.publish(jobs(5000))
    with server.client() as client:
        ids = client.lrange(f"{PREFIX}:default", 0, -1)
        messages = client.hmget(f"{PREFIX}:default.msgs", ids)
    assert [Message.decode(it).kwargs["run"] for it in messages] == [job.run_id for job in jobs(5000)]


async def test_those_who_publish_at_once_share_round_trips(server: Valkey, queue: DramatiqJobQueue) -> None:
    await queue.publish(jobs(1))
    with server.client() as client:
        before = client.info("commandstats")["cmdstat_evalsha"]["calls"]
        await asyncio.gather(*(queue.publish(jobs(1, number)) for number in range(500)))
        assert client.info("commandstats")["cmdstat_evalsha"]["calls"] - before <= 2
    assert await queue.depth() == 501


async def test_a_cancelled_publisher_disturbs_no_other(queue: DramatiqJobQueue) -> None:
    first, second = (asyncio.create_task(queue.publish(jobs(1, number))) for number in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await second
    assert await queue.depth() in (1, 2), "what is cancelled may have been published, or not"


async def test_a_lost_reply_publishes_once(server: Valkey) -> None:
    with TcpProxy(("127.0.0.1", server.port)) as proxy:
        queue = DramatiqJobQueue(f"redis://127.0.0.1:{proxy.port}/0")
        await queue.publish(jobs(1))
        proxy.drop_reply_to(b"EVALSHA")
        await queue.publish(jobs(10))
        assert proxy.dropped == 1
        assert await queue.depth() == 11
        await queue.close()


async def test_scripts_that_the_server_forgot_are_brought_again(
    server: Valkey, queue: DramatiqJobQueue
) -> None:
    await queue.publish(jobs(1))
    with server.client() as client:
        client.script_flush()
    await queue.publish(jobs(1))
    assert await queue.depth() == 2


async def test_a_restarted_server_is_used_at_once(own_server: Valkey) -> None:
    queue = DramatiqJobQueue(own_server.url)
    await queue.publish(jobs(1))
    own_server.kill()
    own_server.start()
    await queue.publish(jobs(1))
    assert await queue.depth() == 1
    await queue.close()


async def test_a_server_that_is_away_is_one_sentence() -> None:
    queue = DramatiqJobQueue(f"redis://user:secret@127.0.0.1:{free_port()}/0")
    with pytest.raises(BackendError, match="nothing listens") as caught:
        await queue.publish(jobs(1))
    assert "secret" not in str(caught.value)
    await queue.close()


async def test_a_client_of_a_fleet_connects_to_the_queue_before_its_first_job(server: Valkey) -> None:
    with server.client() as client:

        async def is_connected() -> bool:
            return any(it["name"] == "flowcraft" and it["db"] == "1" for it in client.client_list())

        async with DramatiqRedisAdapter(server.url):
            await eventually(is_connected)


async def test_a_server_that_is_away_before_the_first_job_is_no_news(own_server: Valkey) -> None:
    own_server.kill()
    queue = DramatiqJobQueue(own_server.url)
    queue.open_soon()
    await asyncio.sleep(0.1)
    own_server.start()
    await queue.publish(jobs(1))
    assert await queue.depth() == 1
    await queue.close()


async def test_the_head_tells_how_far_the_queue_is(server: Valkey) -> None:
    clock = ManualClock(1_700_000_000.25)
    queue = DramatiqJobQueue(server.url, clock=clock)
    assert await queue.head_time() is None
    await queue.publish(jobs(1))
    clock.advance(10)
    await queue.publish(jobs(1))
    assert await queue.head_time() == 1_700_000_000.25
    with server.client() as client:
        client.lpop(f"{PREFIX}:default")
    assert await queue.head_time() == 1_700_000_010.25
    await queue.close()


async def test_queues_are_apart(queue: DramatiqJobQueue) -> None:
    await queue.publish(jobs(2))
    await queue.publish(jobs(3), queue="other")
    assert (await queue.depth(), await queue.depth("other")) == (2, 3)
