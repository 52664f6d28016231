"""One measurement of the queue in a process of its own: prints microseconds, or milliseconds for waits.

python -m tests.benchmarks.transport_probe URL PROBE THREADS COUNT
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Sequence
from queue import SimpleQueue
from statistics import median
from typing import Any

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from flowcraft_engine.backends.dramatiq import DramatiqJobQueue, JobConsumer
from flowcraft_engine.backends.dramatiq.broker import HardenedBroker, prefetch_of
from flowcraft_engine.backends.dramatiq.delivery import Delivery
from flowcraft_engine.backends.dramatiq.intake import Intake
from flowcraft_engine.backends.dramatiq.layout import ACTOR, Layout
from flowcraft_engine.backends.dramatiq.message import new_id
from flowcraft_engine.stores.job_queue import JobPayload

PREFIX = Layout().prefix
IDLE_S = 1.0
NODE_S = 0.5
Actor = Callable[..., None]


class Raw:
    """Messages that a plain function takes, in so many threads."""

    broker: Any

    def start(self, actor: Actor) -> None:
        raise NotImplementedError

    def send(self) -> None:
        body = {"v": 1, "run": "run", "instance": "a", "blueprint": "flow@1.0.0"}
        self.broker.enqueue(dramatiq.Message("default", ACTOR, (), body, {}))


class Stock(Raw):
    """Dramatiq with its own broker and settings."""

    def __init__(self, url: str, threads: int) -> None:
        self.broker = RedisBroker(url=url, namespace=PREFIX)
        self._threads = threads

    def start(self, actor: Actor) -> None:
        dramatiq.Actor(
            actor, broker=self.broker, actor_name=ACTOR, queue_name="default", priority=0, options={}
        )
        dramatiq.Worker(self.broker, worker_threads=self._threads).start()


class Blocking(Raw):
    """Our consumer, without an event loop: threads call the function, and acknowledge, as those of Dramatiq do."""

    def __init__(self, url: str, threads: int) -> None:
        self._threads = threads
        self._waiting: SimpleQueue[Delivery] = SimpleQueue()
        self.broker = HardenedBroker(
            url, name=new_id(0), layout=Layout(), intake=Intake(), threads=threads, hand_over=self._take
        )

    def start(self, actor: Actor) -> None:
        for _ in range(self._threads):
            threading.Thread(target=self._work, args=(actor,), daemon=True).start()
        worker = dramatiq.Worker(self.broker, worker_threads=0)
        worker.queue_prefetch = prefetch_of(self._threads)
        self.broker.declare_queue("default")
        worker.start()

    def _take(self, deliveries: Sequence[Delivery]) -> bool:
        for delivery in deliveries:
            self._waiting.put(delivery)
        return True

    def _work(self, actor: Actor) -> None:
        while True:
            delivery = self._waiting.get()
            actor()
            delivery.holder.answered(delivery.id)
            self.broker.do_ack("default", delivery.id)
            delivery.holder.settled([delivery.id])


def _raw(url: str, threads: int, *, ours: bool) -> Raw:
    return Blocking(url, threads) if ours else Stock(url, threads)


def raw_throughput(url: str, threads: int, count: int, *, ours: bool) -> float:
    """Microseconds a message, of no-op messages that wait already."""
    asyncio.run(_fill(url, count))
    raw, left, done, lock = _raw(url, threads, ours=ours), [count], threading.Event(), threading.Lock()

    def noop(*_: Any, **__: Any) -> None:
        with lock:
            left[0] -= 1
            if not left[0]:
                done.set()

    begin = time.perf_counter()
    raw.start(noop)
    done.wait()
    return (time.perf_counter() - begin) / count * 1e6


def raw_hop(url: str, threads: int, count: int, *, ours: bool, node_s: float = 0.0) -> float:
    """Milliseconds a hop, of a chain whose messages send the next one."""
    raw, left, done = _raw(url, threads, ours=ours), [count], threading.Event()

    def send_next(*_: Any, **__: Any) -> None:
        time.sleep(node_s)
        left[0] -= 1
        raw.send() if left[0] else done.set()

    raw.start(send_next)
    time.sleep(IDLE_S)
    begin = time.perf_counter()
    raw.send()
    done.wait()
    return ((time.perf_counter() - begin) / count - node_s) * 1e3


def raw_idle(url: str, threads: int, count: int, *, ours: bool) -> float:
    """Milliseconds until a worker that has been idle begins, median."""
    raw, begun = _raw(url, threads, ours=ours), threading.Event()
    raw.start(lambda *_, **__: begun.set())
    taken = []
    for _ in range(count):
        time.sleep(IDLE_S)
        begin = time.perf_counter()
        raw.send()
        begun.wait()
        taken.append((time.perf_counter() - begin) * 1e3)
        begun.clear()
    return median(taken)


async def jobs_throughput(url: str, threads: int, count: int) -> float:
    await _fill(url, count)
    left, done = count, asyncio.Event()

    async def noop(job: JobPayload) -> None:
        nonlocal left
        left -= 1
        if not left:
            done.set()

    begin = time.perf_counter()
    _consume(url, threads, noop)
    await done.wait()
    return (time.perf_counter() - begin) / count * 1e6


async def jobs_hop(url: str, threads: int, count: int, *, node_s: float = 0.0) -> float:
    queue, left, done = DramatiqJobQueue(url), count, asyncio.Event()

    async def send_next(job: JobPayload) -> None:
        nonlocal left
        if node_s:
            await asyncio.sleep(node_s)
        left -= 1
        if left:
            await queue.publish([job])
        else:
            done.set()

    _consume(url, threads, send_next)
    await asyncio.sleep(IDLE_S)
    begin = time.perf_counter()
    await queue.publish(_jobs(1))
    await done.wait()
    taken = ((time.perf_counter() - begin) / count - node_s) * 1e3
    await queue.close()
    return taken


async def jobs_idle(url: str, threads: int, count: int) -> float:
    queue, begun, taken = DramatiqJobQueue(url), asyncio.Event(), []

    async def begin_it(job: JobPayload) -> None:
        begun.set()

    _consume(url, threads, begin_it)
    for _ in range(count):
        await asyncio.sleep(IDLE_S)
        begin = time.perf_counter()
        await queue.publish(_jobs(1))
        await begun.wait()
        taken.append((time.perf_counter() - begin) * 1e3)
        begun.clear()
    await queue.close()
    return median(taken)


def _consume(url: str, threads: int, on_job: Callable[[JobPayload], Awaitable[None]]) -> None:
    JobConsumer(url, on_job, threads=threads).start(asyncio.get_running_loop())


def _jobs(count: int) -> list[JobPayload]:
    return [JobPayload(f"run-{number}", "a", "flow@1.0.0") for number in range(count)]


async def _fill(url: str, count: int) -> None:
    queue = DramatiqJobQueue(url)
    await queue.publish(_jobs(count))
    await queue.close()


def measure(url: str, probe: str, threads: int, count: int) -> float:
    side, _, what = probe.partition("-")
    node_s = NODE_S if what == "node" else 0.0
    if side == "jobs":
        match what:
            case "throughput":
                return asyncio.run(jobs_throughput(url, threads, count))
            case "idle":
                return asyncio.run(jobs_idle(url, threads, count))
            case _:
                return asyncio.run(jobs_hop(url, threads, count, node_s=node_s))
    ours = side == "blocking"
    match what:
        case "throughput":
            return raw_throughput(url, threads, count, ours=ours)
        case "idle":
            return raw_idle(url, threads, count, ours=ours)
        case _:
            return raw_hop(url, threads, count, ours=ours, node_s=node_s)


if __name__ == "__main__":
    logging.basicConfig(level=logging.CRITICAL)
    print(measure(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])), flush=True)
    # The threads that consume are of no more use; whoever measures empties the server.
    os._exit(0)
