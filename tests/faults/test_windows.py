"""Between two lines: what a death, an outage or a broken run at a bad moment leaves, and who finds it.

Windows that the fault table does not name. Most are opened by hand, because the process that would leave them open
had to die within microseconds.
"""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from typing import Any

import pytest
import redis

from flowcraft_engine import NodeContext, NodeRegistry, __version__, parse_blueprint
from flowcraft_engine.backends.dramatiq import JobConsumer
from flowcraft_engine.backends.dramatiq.adapter import DramatiqRedisAdapter
from flowcraft_engine.backends.redis.address import RedisAddress
from flowcraft_engine.backends.redis.embedded import EmbeddedRedis
from flowcraft_engine.backends.redis.fleet import RedisFleet
from flowcraft_engine.backends.redis.link import Link
from flowcraft_engine.backends.redis.scripts import Scripts
from flowcraft_engine.backends.redis.server_clock import ServerClock
from flowcraft_engine.backends.redis.store import RedisCoordinationStore
from flowcraft_engine.distributed import sweeper
from flowcraft_engine.distributed.adapter import WorkerOptions
from flowcraft_engine.distributed.sweeper import Sweeper
from flowcraft_engine.kernel import event as ev
from flowcraft_engine.stores.job_queue import JobPayload
from tests.faults.test_fault_table import Nodes, add_worker, chain, count, fleet, queue_of
from tests.interleaving.server import CLOCK_LUA, Server

pytestmark = pytest.mark.asyncio
StartRedis = Callable[..., EmbeddedRedis]
_LIMIT_S = 60.0
_QUICK = WorkerOptions(lease_s=1.0, sweep_s=0.1, lost_after_s=0.3)
#: Long enough for a worker to end, or for a run to be paused, before the timer is due.
_SLEEP_S = 3.0
_SLEEPER = {"id": "sleeper", "nodes": [{"id": "s", "uses": "sleep", "params": {"duration": _SLEEP_S * 1000}}]}
NOW = 1_700_000_000_000


@pytest.fixture
def server(redis_address: RedisAddress) -> Iterator[Server]:
    """A server whose clock stands still."""
    server = Server(redis_address)
    server.set_clock(NOW)
    yield server
    server.close()


async def until(holds: Callable[[], Any]) -> None:
    async with asyncio.timeout(_LIMIT_S):
        while not holds():
            await asyncio.sleep(0.02)


async def wait_for_event(client: DramatiqRedisAdapter, run_id: str, kind: str) -> None:
    async with asyncio.timeout(_LIMIT_S):
        while not await count(client, run_id, kind):
            await asyncio.sleep(0.02)


def break_journal(server: redis.Redis, run_id: str) -> None:
    """Make the run unreadable for whoever has not read it yet."""
    key = f"flowcraft:{{{run_id}}}:events"
    server.delete(key)
    server.xadd(key, {"by": "x", "events": "no JSON", "kept": ""}, id="1-0")


# ---- what is due -------------------------------------------------------------------------------------------


async def test_a_timer_that_was_taken_by_a_process_that_died_fires_soon(redis_url: str) -> None:
    nodes = Nodes()
    async with fleet(redis_url, nodes, workers=0) as (client, _):
        async with AsyncExitStack() as first:
            await add_worker(first, redis_url, nodes)
            run_id = await client.start_run(parse_blueprint(_SLEEPER))
            await wait_for_event(client, run_id, ev.NODE_WAITING)
        await asyncio.sleep(_SLEEP_S + 0.1)
        assert (await client.ports.fleet.take_due()).errands, "and nobody settles them"
        async with AsyncExitStack() as second:
            await add_worker(second, redis_url, nodes)
            assert (await client.wait(run_id, timeout_s=_LIMIT_S)).status == "completed"


async def test_a_due_timer_of_a_paused_run_is_looked_at_once(redis_url: str) -> None:
    nodes = Nodes()
    async with fleet(redis_url, nodes) as (client, _):
        run_id = await client.start_run(parse_blueprint(_SLEEPER))
        await wait_for_event(client, run_id, ev.NODE_WAITING)
        await client.client.pause(run_id)
        await asyncio.sleep(_SLEEP_S)
        with redis.Redis.from_url(redis_url) as server:
            await until(lambda: not server.exists("flowcraft:due"))
        await client.client.unpause(run_id)
        assert (await client.wait(run_id, timeout_s=_LIMIT_S)).status == "completed"


async def test_an_errand_that_cannot_be_done_keeps_nobody_from_the_others(redis_url: str) -> None:
    nodes = Nodes()
    async with fleet(redis_url, nodes, workers=0) as (client, _):
        async with AsyncExitStack() as first:
            await add_worker(first, redis_url, nodes)
            ids = [await client.start_run(parse_blueprint(_SLEEPER)) for _ in range(4)]
            for run_id in ids:
                await wait_for_event(client, run_id, ev.NODE_WAITING)
        with redis.Redis.from_url(redis_url) as server:
            break_journal(server, ids[0])
        await asyncio.sleep(_SLEEP_S + 0.1)
        async with AsyncExitStack() as second:
            await add_worker(second, redis_url, nodes)
            for run_id in ids[1:]:
                assert (await client.wait(run_id, timeout_s=_LIMIT_S)).status == "completed"


# ---- old runs ----------------------------------------------------------------------------------------------


async def test_runs_that_cannot_be_retired_keep_nobody_from_retiring_the_others(redis_url: str) -> None:
    nodes = Nodes()
    async with fleet(redis_url, nodes, workers=0) as (client, _):
        async with AsyncExitStack() as stack:
            await add_worker(stack, redis_url, nodes)
            broken = [await client.start_run(chain("quick")) for _ in range(25)]
            sound = await client.start_run(chain("quick"))
            for run_id in (*broken, sound):
                await client.wait(run_id, timeout_s=_LIMIT_S)
        open_run = await client.start_run(chain("quick"))
        with redis.Redis.from_url(redis_url) as server:
            for run_id in broken:
                server.hset(f"flowcraft:{{{run_id}}}:run", "pins", "no JSON")
            for place, run_id in enumerate((open_run, *(f"gone-{n}" for n in range(25)), *broken, sound)):
                server.zadd("flowcraft:finished", {run_id: place + 1})
            async with AsyncExitStack() as stack:
                retiring = WorkerOptions(sweep_s=0.05, retention_s=3600.0)
                await add_worker(stack, redis_url, nodes, retiring)
                await until(lambda: not server.exists(f"flowcraft:{{{sound}}}:run"))
                assert (await client.wait(open_run, timeout_s=_LIMIT_S)).status == "completed"
                await until(lambda: server.zcard("flowcraft:finished") == 26)


# ---- lost jobs ---------------------------------------------------------------------------------------------


async def test_a_run_that_cannot_be_read_keeps_nobody_from_publishing_what_was_lost(redis_url: str) -> None:
    nodes = Nodes()
    async with fleet(redis_url, nodes, workers=0) as (client, stack):
        ids = [await client.start_run(chain("quick")) for _ in range(3)]
        with redis.Redis.from_url(redis_url) as server, redis.Redis.from_url(queue_of(redis_url)) as queue:
            break_journal(server, ids[0])
            queue.flushdb()
        await add_worker(stack, redis_url, nodes)
        for run_id in ids[1:]:
            assert (await client.wait(run_id, timeout_s=_LIMIT_S)).status == "completed"


async def test_one_sweep_publishes_all_that_was_lost_if_there_is_time_and_nothing_twice(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeper, "_LOST_AT_ONCE", 3)
    hardly_ever = WorkerOptions(sweep_s=3600.0, lost_after_s=0.1)
    async with fleet(redis_url, Nodes(), workers=0) as (client, stack):
        work = (await add_worker(stack, redis_url, Nodes(), hardly_ever))._work
        assert work is not None
        assert isinstance(work._consumer, JobConsumer)
        await until(lambda: work._sweeper._sweeps)
        work._consumer.pause()
        for _ in range(30):
            await client.start_run(chain("quick"))
        with redis.Redis.from_url(queue_of(redis_url)) as queue:
            queue.flushdb()
        await asyncio.sleep(1.5)  # none of them may be on its way, or too young to be looked for
        depths = []
        for time_s in (0.0, 60.0, 60.0):
            monkeypatch.setattr(sweeper, "_PUBLISHING_S", time_s)
            await work._sweeper.sweep()
            depths.append(await client.ports.queue.depth())
        assert depths == [3, 30, 30]


async def test_a_run_that_cannot_be_read_keeps_nobody_from_taking_claims_back(redis_url: str) -> None:
    nodes = Nodes()
    async with fleet(redis_url, nodes, workers=0) as (client, stack), AsyncExitStack() as first:
        dying = await add_worker(first, redis_url, nodes)
        ids = [await client.start_run(chain("gated")) for _ in range(4)]
        for run_id in ids:
            await wait_for_event(client, run_id, ev.NODE_STARTED)
        owner = (await client.ports.fleet.members())[0].manifest.owner
        with redis.Redis.from_url(redis_url) as server:
            for run_id in sorted(ids)[:2]:
                break_journal(server, run_id)
        await client.ports.fleet.declare_dead(owner)
        await add_worker(stack, redis_url, nodes)
        for run_id in sorted(ids)[2:]:
            await wait_for_event(client, run_id, ev.NODE_RELEASED)
        nodes.go_on.set()
        for run_id in sorted(ids)[2:]:
            assert (await client.wait(run_id, timeout_s=_LIMIT_S)).status == "completed"
        await dying.stop(0.1)


async def test_jobs_of_runs_that_are_gone_are_forgotten(redis_url: str) -> None:
    nodes = Nodes()
    async with fleet(redis_url, nodes) as (_, _):
        with redis.Redis.from_url(redis_url) as server:
            server.zadd("flowcraft:unclaimed:default", {"gone\x1fn0": 1})
            await until(lambda: not server.zcard("flowcraft:unclaimed:default"))


async def test_a_parked_job_of_a_run_that_has_ended_is_forgotten(redis_url: str) -> None:
    nodes = Nodes()
    async with fleet(redis_url, nodes) as (client, _):
        run_id = await client.start_run(chain("unknown"))
        with redis.Redis.from_url(redis_url) as server:
            await until(lambda: server.hlen("flowcraft:parked"))
            await client.cancel(run_id)
            await until(lambda: not server.hlen("flowcraft:parked"))
            assert not server.zcard("flowcraft:unclaimed:default"), "it would come round again"


async def test_a_hint_about_a_run_that_has_ended_is_not_parked(redis_url: str) -> None:
    async with fleet(redis_url, Nodes(), workers=0) as (client, stack):
        worker = await add_worker(stack, redis_url, Nodes())
        run_id = await client.start_run(chain("unknown"))
        with redis.Redis.from_url(redis_url) as server:
            await until(lambda: server.hlen("flowcraft:parked"))
            await client.cancel(run_id)
            await until(lambda: not server.hlen("flowcraft:parked"))
            assert worker._work is not None
            await worker._work._worker.on_job(JobPayload(run_id, "n0"))
            assert not server.hlen("flowcraft:parked")


async def test_jobs_sent_on_to_a_slow_worker_are_not_sent_again_and_again(redis_url: str) -> None:
    nodes = Nodes()
    async with fleet(redis_url, Nodes(), workers=0) as (client, stack):
        await add_worker(stack, redis_url, nodes, WorkerOptions(1, 1.0, 0.1, 0.3))
        poor = DramatiqRedisAdapter(
            redis_url, registry=NodeRegistry(), threads=2, is_worker=True, options=_QUICK
        )
        await stack.enter_async_context(poor)
        await poor.start()
        members = await client.ports.fleet.members()
        (own,) = {it.manifest.own_queue for it in members if "gated" in it.manifest.node_types}
        ids = [await client.start_run(chain("gated")) for _ in range(10)]
        await asyncio.sleep(4)
        assert await client.ports.queue.depth(own) <= 60, "each is sent on once more after twice the time"
        nodes.go_on.set()
        for run_id in ids:
            assert (await client.wait(run_id, timeout_s=_LIMIT_S)).status == "completed"


# ---- leases ------------------------------------------------------------------------------------------------


async def test_a_server_that_stood_still_costs_nobody_its_lease(start_redis: StartRedis) -> None:
    nodes = Nodes()
    server = start_redis()
    async with fleet(server.address.url, nodes, workers=3) as (client, _):
        ids = [await client.start_run(chain("gated", "quick")) for _ in range(6)]
        for run_id in ids:
            await wait_for_event(client, run_id, ev.NODE_STARTED)
        for _ in range(3):
            os.kill(server.pid, signal.SIGSTOP)
            await asyncio.sleep(2 * _QUICK.lease_s)
            os.kill(server.pid, signal.SIGCONT)
            await asyncio.sleep(2 * _QUICK.lease_s)
        nodes.go_on.set()
        for run_id in ids:
            assert (await client.wait(run_id, timeout_s=_LIMIT_S)).status == "completed"
            assert await count(client, run_id, ev.NODE_RELEASED) == 0


async def test_a_clock_that_is_set_forward_costs_nobody_its_lease(
    redis_address: RedisAddress, server: Server
) -> None:
    seconds = [0.0]
    clock = ServerClock(monotonic=lambda: seconds[0])
    store = RedisCoordinationStore(Link(redis_address), scripts=Scripts(clock=CLOCK_LUA), server_clock=clock)
    its_fleet = RedisFleet(store)
    try:
        await its_fleet.renew("me", 0.5)
        server.set_clock(NOW + 3_600_000)
        await its_fleet.take_due()  # it hears that it is later than it thought
        assert await its_fleet.take_dead(0.5) == []
        seconds[0] = 0.6
        server.set_clock(NOW + 3_600_600)
        await its_fleet.take_due()
        # The server must have been up for a lease, by its own count of seconds.
        async with asyncio.timeout(_LIMIT_S):
            while await its_fleet.take_dead(0.5) != ["me"]:
                await asyncio.sleep(0.1)
    finally:
        await store.close()


async def test_a_worker_hears_of_a_cancel_before_its_first_sweep(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes, may_sweep = Nodes(), asyncio.Event()
    fire_due = Sweeper.fire_due

    async def late(sweeper: Sweeper) -> None:
        await may_sweep.wait()
        await fire_due(sweeper)

    monkeypatch.setattr(Sweeper, "fire_due", late)
    async with fleet(redis_url, nodes) as (client, _):
        run_id = await client.start_run(chain("gated"))
        await nodes.begun.wait()
        await client.cancel(run_id)
        may_sweep.set()
        await asyncio.wait_for(nodes.cancelled.wait(), _LIMIT_S)


async def test_a_worker_whose_registration_was_lost_registers_again(redis_url: str) -> None:
    nodes = Nodes()
    async with fleet(redis_url, nodes) as (client, _):
        await asyncio.sleep(0.5)  # its first beat
        with redis.Redis.from_url(redis_url) as server:
            server.delete("flowcraft:manifests")
        run_id = await client.start_run(chain("quick"))
        await until(lambda: nodes.calls["n0"])
        async with asyncio.timeout(_LIMIT_S):
            while not await client.ports.fleet.members():
                await asyncio.sleep(0.05)
        assert (await client.wait(run_id, timeout_s=_LIMIT_S)).status == "completed"


async def test_a_worker_that_registers_again_and_again_keeps_nothing_of_it(redis_url: str) -> None:
    async with fleet(redis_url, Nodes(), workers=0) as (client, stack):
        work = (await add_worker(stack, redis_url, Nodes()))._work
        assert work is not None
        kept = len(work._tasks)
        seen = await client.ports.fleet.registrations()
        for _ in range(5):
            work._register_soon()
            assert work._registration is not None
            await work._registration
        assert await client.ports.fleet.registrations() == seen + 5
        assert len(work._tasks) == kept


async def test_a_worker_that_has_handed_back_in_a_hurry_does_not_come_back(redis_url: str) -> None:
    """Its node still cleans up, so its claim stays, and others take it for dead."""
    nodes, may_end = Nodes(), asyncio.Event()

    async def stubborn(ctx: NodeContext) -> None:
        try:
            await nodes.gated(ctx)
        finally:
            await may_end.wait()

    nodes.registry.register(stubborn, "stubborn")
    async with fleet(redis_url, nodes, workers=0) as (client, stack):
        worker = await add_worker(stack, redis_url, nodes, WorkerOptions(lease_s=0.6, sweep_s=5))
        await client.start_run(chain("stubborn"))
        await nodes.begun.wait()
        ending = asyncio.create_task(worker.stop(30))
        await asyncio.sleep(0.1)
        await worker.hand_back()
        async with asyncio.timeout(_LIMIT_S):
            while any(it.is_alive for it in await client.ports.fleet.members()):
                await asyncio.sleep(0.05)
        await asyncio.sleep(0.6)  # for three beats
        members = await client.ports.fleet.members()
        may_end.set()
        await ending
        assert not any(it.is_alive for it in members)


async def test_a_parked_job_goes_on_when_a_lapsed_lease_is_renewed(redis_url: str) -> None:
    """Nobody swept while the lease was over: it was never declared dead, and has never registered again."""
    nodes = Nodes()
    drowsy = WorkerOptions(lease_s=3.0, sweep_s=600)
    async with fleet(redis_url, nodes, workers=0) as (client, stack):
        fitting = await add_worker(stack, redis_url, nodes, drowsy)
        poor = DramatiqRedisAdapter(
            redis_url, registry=NodeRegistry(), threads=2, is_worker=True, options=drowsy
        )
        (owner,) = (it.manifest.owner for it in await client.ports.fleet.members())
        await stack.enter_async_context(poor)
        await poor.start()
        await asyncio.sleep(0.5)
        with redis.Redis.from_url(redis_url) as server:
            run_id = None
            while not server.hlen("flowcraft:parked"):
                server.zadd("flowcraft:workers", {owner: 1})
                run_id = await client.start_run(chain("quick"))
                await asyncio.sleep(0.05)
        assert run_id is not None
        assert (await client.wait(run_id, timeout_s=_LIMIT_S)).status == "completed"
        assert fitting.is_working


async def test_a_paused_run_is_in_order_and_reconcile_leaves_it_alone(redis_url: str) -> None:
    nodes = Nodes()
    async with fleet(redis_url, nodes, workers=0) as (client, stack):
        run_id = await client.start_run(chain("quick"))
        await client.client.pause(run_id)
        found = await client.client.evidence(run_id)
        assert [(it.instance, it.finding.partition(" since ")[0], it.repair) for it in found] == [
            ("run", "paused", None)
        ]
        assert (await client.client.reconcile(run_id)).status == "paused"
        assert await client.ports.queue.depth() == 1
        await add_worker(stack, redis_url, nodes)
        await client.client.unpause(run_id)
        assert (await client.wait(run_id, timeout_s=_LIMIT_S)).status == "completed"
    assert nodes.calls == {"n0": 1}


async def test_a_worker_says_which_version_of_flowcraft_it_is(redis_url: str) -> None:
    async with fleet(redis_url, Nodes()) as (client, _):
        [member] = await client.ports.fleet.members()
        assert member.manifest.flowcraft == __version__
