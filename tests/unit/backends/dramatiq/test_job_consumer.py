"""Taking jobs: promptly, each once, and giving back what is not begun."""

from __future__ import annotations

import asyncio
import time
from statistics import median

import pytest

from flowcraft_engine.backends.dramatiq import DramatiqJobQueue
from flowcraft_engine.stores.job_queue import JobPayload
from tests.unit.backends.dramatiq.valkey import Valkey
from tests.unit.backends.dramatiq.worker import Work, consuming, eventually, jobs

pytestmark = pytest.mark.asyncio
PREFIX = "flowcraft:queue"


async def test_each_job_comes_once(server: Valkey, queue: DramatiqJobQueue) -> None:
    work = Work()
    await queue.publish(jobs(500))
    async with consuming(server.url, work):
        await work.until(500)
        await queue.publish(jobs(500, 500))
        await work.until(1000)
    assert sorted(work.runs) == sorted(job.run_id for job in jobs(1000))
    with server.client() as client:
        assert client.keys("*") == []  # nothing is left: no message, no acknowledgement, no heartbeat


async def test_jobs_come_in_order_to_one_thread(server: Valkey, queue: DramatiqJobQueue) -> None:
    work = Work()
    await queue.publish(jobs(100))
    async with consuming(server.url, work, threads=1):
        await work.until(100)
    assert work.seen == jobs(100)


async def test_an_idle_consumer_wakes_at_once(server: Valkey, queue: DramatiqJobQueue) -> None:
    work, taken = Work(), []
    async with consuming(server.url, work):
        for number in range(9):
            await asyncio.sleep(0.2)  # long enough for a consumer that backs off to have fallen asleep
            begin = time.perf_counter()
            await queue.publish(jobs(1, number))
            await work.until(number + 1)
            taken.append((time.perf_counter() - begin) * 1e3)
    assert median(taken) < 60  # 1.3 ms on a quiet machine; one that sleeps needs up to 300


async def test_an_idle_consumer_asks_rarely(server: Valkey, queue: DramatiqJobQueue) -> None:
    work = Work()
    await queue.publish(jobs(1))
    async with consuming(server.url, work):
        await work.until(1)
        await asyncio.sleep(0.2)
        with server.client() as client:
            before, begin = client.info("stats")["total_commands_processed"], time.perf_counter()
            await asyncio.sleep(1)
            asked = client.info("stats")["total_commands_processed"] - before
            assert asked <= 25 * (time.perf_counter() - begin)


async def test_a_job_that_raises_is_logged_and_not_repeated(
    server: Valkey, queue: DramatiqJobQueue, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(job: JobPayload) -> None:
        if job.run_id == "run-0":
            raise RuntimeError("a bug in the engine")

    work = Work(fail)
    await queue.publish(jobs(3))
    async with consuming(server.url, work):
        await work.until(3)
    assert sorted(work.runs) == ["run-0", "run-1", "run-2"]
    assert await queue.depth() == 0
    assert "The job of a in run run-0 failed in the engine" in caplog.text


async def test_messages_that_cannot_be_read_become_dead_letters(
    server: Valkey, queue: DramatiqJobQueue, caplog: pytest.LogCaptureFixture
) -> None:
    poison = {b"p1": b"\x80\x04pickle", b"p2": b"", b"p3": b"[" * 5000, b"p4": b'{"actor_name": "rm"}'}
    work = Work()
    await queue.publish(jobs(20))
    with server.client() as client:
        for message_id, data in poison.items():
            client.hset(f"{PREFIX}:default.msgs", message_id, data)
            client.rpush(f"{PREFIX}:default", message_id)
        client.rpush(f"{PREFIX}:default", "an id without a message")
    await queue.publish(jobs(20, 20))
    async with consuming(server.url, work):
        await work.until(40)

        async def buried() -> bool:
            return len(await queue.dead_letters()) == 4

        await eventually(buried)
    letters = {letter.head: letter for letter in await queue.dead_letters()}
    assert letters.keys() == {data[:2048] for data in poison.values()}
    assert letters[b"[" * 2048].size == 5000
    assert letters[b"\x80\x04pickle"].reason == "not JSON"
    assert letters[b'{"actor_name": "rm"}'].reason == "for an unknown actor"
    assert all(letter.queue == "default" and abs(letter.at - time.time()) < 60 for letter in letters.values())
    assert "see the dead letters" in caplog.text
    with server.client() as client:
        assert client.keys("*") == [f"{PREFIX}:__dead__".encode()]


async def test_a_message_under_a_wrong_id_runs_once_at_most_and_is_found(
    server: Valkey, queue: DramatiqJobQueue
) -> None:
    await queue.publish(jobs(1))
    with server.client() as client:
        [message_id] = client.lrange(f"{PREFIX}:default", 0, -1)
        data = client.hget(f"{PREFIX}:default.msgs", message_id)
        client.hset(f"{PREFIX}:default.msgs", "another", data)
        client.rpush(f"{PREFIX}:default", "another")
    work = Work()
    async with consuming(server.url, work):
        await work.until(2)

        async def buried() -> bool:
            return [it.reason for it in await queue.dead_letters()] == ["kept under another id than its own"]

        await eventually(buried)
    assert len(work.seen) == 2


async def test_only_so_many_are_taken_as_there_is_room_for(server: Valkey, queue: DramatiqJobQueue) -> None:
    free = 3
    go_on = asyncio.Event()

    async def claim(job: JobPayload) -> None:
        nonlocal free
        free -= 1

    work = Work(claim)
    await queue.publish(jobs(10))
    async with consuming(server.url, work, room=lambda: free) as consumer:
        await work.until(3)
        assert await queue.depth() == 7
        free = 4
        consumer.nudge()
        await work.until(7)
        assert await queue.depth() == 3
    assert not go_on.is_set()


async def test_a_queue_can_be_added_later(server: Valkey, queue: DramatiqJobQueue) -> None:
    work = Work()
    await queue.publish(jobs(1), queue="later")
    async with consuming(server.url, work, queues=["first", "second"]) as consumer:
        await queue.publish(jobs(1, 1), queue="second")
        await work.until(1)
        consumer.add_queue("later")
        await work.until(2)
        assert consumer.queues == {"first", "second", "later"}
    assert work.runs == ["run-1", "run-0"]


async def test_a_paused_consumer_gives_back_what_it_has_not_begun(
    server: Valkey, queue: DramatiqJobQueue
) -> None:
    go_on = asyncio.Event()

    async def hold(job: JobPayload) -> None:
        await go_on.wait()

    work = Work(hold)
    await queue.publish(jobs(10))
    async with consuming(server.url, work, threads=2) as consumer:
        await work.until(2)
        consumer.pause()

        async def given_back() -> bool:
            return await queue.depth() == 8

        await eventually(given_back)
        go_on.set()
        await asyncio.sleep(0.05)
        assert len(work.seen) == 2
        consumer.resume()
        await work.until(10)
    assert sorted(work.runs) == sorted(job.run_id for job in jobs(10))


async def test_stopping_waits_for_what_is_under_way(server: Valkey, queue: DramatiqJobQueue) -> None:
    ended = []

    async def take_a_while(job: JobPayload) -> None:
        await asyncio.sleep(0.3)
        ended.append(job)

    work = Work(take_a_while)
    await queue.publish(jobs(3))
    async with consuming(server.url, work, threads=1) as consumer:
        await work.until(1)
        await consumer.stop(5)
        await consumer.stop(5)
    assert len(ended) == 1
    assert await queue.depth() == 2
    with server.client() as client:
        assert client.keys("*__acks__*") == client.keys("*__heartbeats__*") == []


async def test_stopping_interrupts_what_does_not_end_and_gives_it_back(
    server: Valkey, queue: DramatiqJobQueue
) -> None:
    async def hang(job: JobPayload) -> None:
        await asyncio.Event().wait()

    work = Work(hang)
    await queue.publish(jobs(5))
    async with consuming(server.url, work, threads=2) as consumer:
        await work.until(2)
        begin = time.perf_counter()
        await consumer.stop(0.1)
        assert time.perf_counter() - begin < 10
    assert await queue.depth() == 5


@pytest.fixture
def no_look_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """A consumer that is not told would look no sooner than this."""
    monkeypatch.setattr("flowcraft_engine.backends.dramatiq.consumer.HEARTBEAT_S", 600.0)


@pytest.mark.usefixtures("no_look_by_itself")
async def test_a_place_that_others_filled_meanwhile_sends_the_job_back(
    server: Valkey, queue: DramatiqJobQueue
) -> None:
    free = 1

    async def claim(job: JobPayload) -> None:
        nonlocal free
        free -= 1

    work = Work(claim)
    async with consuming(server.url, work, queues=["first", "second"], room=lambda: free) as consumer:
        await asyncio.sleep(0.3)  # both wait at their queues by now, each for as much as one place allows
        await queue.publish(jobs(1), queue="first")
        await work.until(1)
        await queue.publish(jobs(1, 1), queue="second")
        await asyncio.sleep(0.3)

        async def sent_back() -> bool:
            return await queue.depth("second") == 1

        await eventually(sent_back)  # for a process that has room
        assert len(work.seen) == 1
        free = 1
        consumer.nudge()
        await work.until(2)


@pytest.mark.usefixtures("no_look_by_itself")
async def test_a_job_that_takes_no_place_holds_up_no_other_queue(
    server: Valkey, queue: DramatiqJobQueue
) -> None:
    go_on = asyncio.Event()

    async def find_nothing_to_do(job: JobPayload) -> None:
        if job.run_id == "run-0":
            await go_on.wait()

    work = Work(find_nothing_to_do)
    async with consuming(server.url, work, queues=["first", "second"], room=lambda: 1):
        await queue.publish(jobs(1), queue="first")
        await work.until(1)
        await queue.publish(jobs(1, 1), queue="second")
        await asyncio.sleep(0.3)
        assert len(work.seen) == 1
        go_on.set()
        await work.until(2)


async def test_what_is_done_at_once_is_acknowledged_at_once(server: Valkey, queue: DramatiqJobQueue) -> None:
    work = Work()
    await queue.publish(jobs(400))
    with server.client() as client:
        before = client.info("commandstats")["cmdstat_evalsha"]["calls"]
        async with consuming(server.url, work, threads=100):
            await work.until(400)
        # Fetches and acknowledgements: many by one script.
        assert client.info("commandstats")["cmdstat_evalsha"]["calls"] - before < 100
