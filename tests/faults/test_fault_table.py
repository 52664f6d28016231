"""The fault table, row by row: what may happen to a fleet, and what holds all the same.

| row | what happens | where it is shown |
|---|---|---|
| 1 11 13 14 18 20 21 29 30 38 39 40 42 43 45 50 | see the names of the tests | here |
| 2 3 4 5 7 8 9 10 46 49 51 | processes die or freeze at failpoints | `test_killed_at_a_failpoint.py` |
| 6 12 | replies lost, Redis restarted | here, and the storms of `tests/chaos` |
| 15 17 | durability in words; split brain is not promised | `tests/unit/backends/redis/test_durability.py` |
| 16 | a failover that loses the end is row 14; finding the primary | `tests/unit/backends/redis/test_sentinel.py` |
| 19 37 | the server's clock set back; timers twice, late or after a cancel | `tests/interleaving` |
| 22 to 28 31 36 | joins, pills, dead paths, ends, loops, batches | `tests/properties/test_fleet_differential.py` |
| 32 to 35 | answers twice, different, early, to the unknown | `tests/contracts/test_waits_timers_and_children.py` |
| 41 | versions roll on and back under load | the storms, whose workers declare different versions |
| 44 | bytes that are no message | `tests/unit/backends/dramatiq/test_message.py`, the storms |
| 47 | results that are no JSON, or too large | `tests/acceptance/test_scenarios.py`, in both modes |
| 48 | a node that blocks its event loop for longer than a lease | here |
| 52 | events without a gap | `tests/properties/invariants.py`, after every storm |

Rows that speak of HTTP (delivery ids of webhooks) apply when there is a server of flowcraft.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
import redis

from flowcraft_engine import (
    BackendError,
    ConflictError,
    NodeContext,
    NodeRegistry,
    NotFoundError,
    parse_blueprint,
)
from flowcraft_engine.backends.dramatiq.adapter import DramatiqRedisAdapter
from flowcraft_engine.backends.redis.embedded import EmbeddedRedis
from flowcraft_engine.blueprint.model import Blueprint
from flowcraft_engine.distributed.adapter import WorkerOptions
from flowcraft_engine.kernel import event as ev
from flowcraft_engine.stores.job_queue import JobPayload
from tests.faults.tcp_proxy import TcpProxy

StartRedis = Callable[..., EmbeddedRedis]
pytestmark = pytest.mark.asyncio
_LIMIT_S = 60.0
_QUICK = WorkerOptions(lease_s=1.0, sweep_s=0.1, lost_after_s=0.3)


def chain(*uses: str, **more: Any) -> Blueprint:
    """Nodes n0, n1, ... one after the other."""
    nodes = [{"id": f"n{number}", "uses": name} for number, name in enumerate(uses)]
    edges = [{"source": f"n{at}", "target": f"n{at + 1}"} for at in range(len(uses) - 1)]
    return parse_blueprint({"id": "chain", "nodes": nodes, "edges": edges, **more})


class Nodes:
    """Node functions of a test, and how often they were executed."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.cancelled = asyncio.Event()
        self.begun = asyncio.Event()
        self.go_on = asyncio.Event()
        self.registry = NodeRegistry()
        for function in (self.quick, self.gated, self.blocking):
            self.registry.register(function, function.__name__)

    async def quick(self, ctx: NodeContext) -> str:
        self.calls[ctx.instance] += 1
        return ctx.instance

    async def gated(self, ctx: NodeContext) -> str:
        """Ends when the test says so."""
        self.calls[ctx.instance] += 1
        self.begun.set()
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return ctx.instance

    async def blocking(self, ctx: NodeContext) -> str:
        """Lets nobody else have the event loop for two leases."""
        self.calls[ctx.instance] += 1
        time.sleep(2 * _QUICK.lease_s)
        return ctx.instance


@asynccontextmanager
async def fleet(
    url: str, nodes: Nodes, *, workers: int = 1, **more: Any
) -> AsyncIterator[tuple[DramatiqRedisAdapter, AsyncExitStack]]:
    """A client, and workers in this process."""
    async with AsyncExitStack() as stack:
        for _ in range(workers):
            await add_worker(stack, url, nodes, **more)
        yield await stack.enter_async_context(DramatiqRedisAdapter(url)), stack


async def add_worker(
    stack: AsyncExitStack, url: str, nodes: Nodes, options: WorkerOptions = _QUICK, **more: Any
) -> DramatiqRedisAdapter:
    worker = DramatiqRedisAdapter(
        url, registry=nodes.registry, threads=2, is_worker=True, options=options, **more
    )
    await stack.enter_async_context(worker)
    await worker.start()
    return worker


def queue_of(url: str) -> str:
    """The database of the queue is the next one."""
    return url.removesuffix("/0") + "/1"


async def count(client: DramatiqRedisAdapter, run_id: str, kind: str) -> int:
    return sum(event.type == kind for event in await client.ports.store.events(run_id))


# ---- messages ----------------------------------------------------------------------------------------------


async def test_row_1_a_job_that_is_delivered_five_times_is_executed_once(redis_url: str) -> None:
    nodes = Nodes()
    async with fleet(redis_url, nodes, workers=2) as (client, _):
        run_id = await client.start_run(chain("quick", "quick", "quick"))
        for _ in range(5):
            await client.ports.queue.publish([JobPayload(run_id, f"n{number}") for number in range(3)])
        assert (await client.wait(run_id, timeout_s=_LIMIT_S)).status == "completed"
        await client.ports.queue.publish([JobPayload(run_id, "n1")])
        await client.wait(await client.start_run(chain("quick")), timeout_s=_LIMIT_S)
        assert await count(client, run_id, ev.NODE_STARTED) == 3
    assert nodes.calls["n1"] == nodes.calls["n2"] == 1


@pytest.mark.parametrize("what", ["its id", "its body", "both"])
async def test_row_11_a_lost_message_is_published_again(what: str, redis_url: str) -> None:
    nodes = Nodes()
    async with DramatiqRedisAdapter(redis_url) as client:
        run_id = await client.start_run(chain("quick", "quick"))
        with redis.Redis.from_url(queue_of(redis_url)) as queue:
            prefix = "flowcraft:queue:default"
            assert queue.llen(prefix) == 1
            queue.delete(
                *{"its id": [prefix], "its body": [f"{prefix}.msgs"]}.get(what, [prefix, f"{prefix}.msgs"])
            )
    async with fleet(redis_url, nodes) as (client, _):
        assert (await client.wait(run_id, timeout_s=_LIMIT_S)).status == "completed"


async def test_row_45_forged_messages_change_nothing(redis_url: str) -> None:
    nodes = Nodes()
    async with fleet(redis_url, nodes) as (client, _):
        run_id = await client.start_run(chain("gated", "quick"))
        await nodes.begun.wait()
        forged = [("nobody", "n0"), (run_id, "n1"), (run_id, "no-such"), (run_id, "n0#3"), (run_id, "$end")]
        await client.ports.queue.publish([JobPayload(*job) for job in forged])
        await client.wait(await client.start_run(chain("quick")), timeout_s=_LIMIT_S)
        assert (await client.show(run_id)).status == "running"
        nodes.go_on.set()
        result = await client.wait(run_id, timeout_s=_LIMIT_S)
    assert result.status == "completed"
    assert nodes.calls["n1"] == 1


async def test_row_40_a_flushed_queue_is_filled_again_by_reconcile(redis_url: str) -> None:
    nodes = Nodes()
    async with DramatiqRedisAdapter(redis_url) as client:
        run_ids = [await client.start_run(chain("quick")) for _ in range(3)]
        with redis.Redis.from_url(queue_of(redis_url)) as queue:
            queue.flushdb()
        late = WorkerOptions(sweep_s=600, lost_after_s=600)
        async with AsyncExitStack() as stack:
            await add_worker(stack, redis_url, nodes, late)
            await asyncio.sleep(5.1)  # a younger message counts as on its way, by the server's clock
            for run_id in run_ids:
                await client.client.reconcile(run_id)
            for run_id in run_ids:
                assert (await client.wait(run_id, timeout_s=_LIMIT_S)).status == "completed"
    assert nodes.calls["n0"] == 3


# ---- Redis -------------------------------------------------------------------------------------------------


async def test_row_6_a_commit_whose_reply_is_lost_is_made_once(redis_url: str) -> None:
    nodes = Nodes()
    address = redis.Redis.from_url(redis_url).connection_pool.connection_kwargs
    with TcpProxy(("127.0.0.1", address["port"])) as proxy:
        async with fleet(f"redis://127.0.0.1:{proxy.port}/0", nodes) as (client, _):
            proxy.drop_reply_to(b"node_completed", times=3)
            run_id = await client.start_run(chain("quick", "quick", "quick"))
            assert (await client.wait(run_id, timeout_s=_LIMIT_S)).status == "completed"
            assert await count(client, run_id, ev.NODE_COMPLETED) == 3
            assert proxy.dropped
    assert set(nodes.calls.values()) == {1}


async def test_row_12_a_restart_of_redis_loses_nothing_and_workers_go_on(start_redis: StartRedis) -> None:
    nodes = Nodes()
    server = start_redis(persistent=True, settings={"appendfsync": "always"})
    async with fleet(server.address.url, nodes) as (client, _):
        run_id = await client.start_run(chain("gated", "quick"))
        await nodes.begun.wait()
        await asyncio.to_thread(server.restart)
        nodes.go_on.set()
        assert (await client.wait(run_id, timeout_s=_LIMIT_S)).status == "completed"
    assert nodes.calls == {"n0": 1, "n1": 1}


async def test_row_13_an_acknowledged_start_survives_the_death_of_redis(start_redis: StartRedis) -> None:
    nodes = Nodes()
    server = start_redis(persistent=True, settings={"appendfsync": "always"})
    async with DramatiqRedisAdapter(server.address.url) as client:
        run_id = await client.start_run(chain("quick"))
        server.kill()
        await asyncio.to_thread(server.restart)
    async with fleet(server.address.url, nodes) as (client, _):
        assert (await client.wait(run_id, timeout_s=_LIMIT_S)).status == "completed"


async def test_row_14_what_a_cut_tail_undoes_is_done_again(start_redis: StartRedis) -> None:
    nodes = Nodes()
    server = start_redis(persistent=True, settings={"appendfsync": "always"})
    async with fleet(server.address.url, nodes) as (client, _):
        run_id = await client.start_run(chain("quick", "gated", "quick"))
        await client.ports.store.exists(run_id)
        (log,) = (server.data_dir / "appendonlydir").glob("*.incr.aof")
        await nodes.begun.wait()
        begun = log.read_bytes().index(b"node_completed")
        server.kill()
        with log.open("r+b") as file:
            file.truncate(begun)  # in the middle of the first commit
        await asyncio.to_thread(server.restart)
        nodes.go_on.set()
        assert (await client.wait(run_id, timeout_s=_LIMIT_S)).status == "completed"
        assert await count(client, run_id, ev.NODE_COMPLETED) == 3
    assert nodes.calls["n0"] in (1, 2)


async def test_row_14_a_start_that_was_undone_may_be_given_again(start_redis: StartRedis) -> None:
    nodes = Nodes()
    server = start_redis(persistent=True)
    async with DramatiqRedisAdapter(server.address.url) as client:
        await client.start_run(chain("quick"), run_id="lost")
        server.kill()
        (log,) = (server.data_dir / "appendonlydir").glob("*.incr.aof")
        with log.open("r+b") as file:
            file.truncate(0)
        await asyncio.to_thread(server.restart)
        with pytest.raises(NotFoundError):
            await client.wait("lost", timeout_s=_LIMIT_S)
        await client.start_run(chain("quick"), run_id="lost")
    async with fleet(server.address.url, nodes) as (client, _):
        assert (await client.wait("lost", timeout_s=_LIMIT_S)).status == "completed"


async def test_row_21_without_memory_a_start_is_refused_and_a_run_waits(start_redis: StartRedis) -> None:
    nodes = Nodes()
    server = start_redis()
    async with fleet(server.address.url, nodes) as (client, _):
        run_id = await client.start_run(chain("gated", "quick"))
        await nodes.begun.wait()
        with redis.Redis(port=server.address.port) as admin:
            admin.config_set("maxmemory", "1")
            with pytest.raises(BackendError):
                await client.start_run(chain("quick"), run_id="refused")
            admin.config_set("maxmemory", "0")
        nodes.go_on.set()
        assert (await client.wait(run_id, timeout_s=_LIMIT_S)).status == "completed"
        assert not await client.ports.store.exists("refused")


async def test_row_21_without_memory_a_lease_is_kept_and_the_shortage_told_once(
    start_redis: StartRedis, caplog: pytest.LogCaptureFixture
) -> None:
    """What only reads gets through all the time; that is no end of the outage."""
    nodes = Nodes()
    server = start_redis()
    async with fleet(server.address.url, nodes, workers=2) as (client, _):
        await client.start_run(chain("quick"), run_id="before")
        await client.wait("before", timeout_s=_LIMIT_S)
        run_id = await client.start_run(chain("gated", "quick"))
        await nodes.begun.wait()
        with redis.Redis(port=server.address.port) as admin:
            admin.config_set("maxmemory", "1")
            nodes.go_on.set()
            for _ in range(30):  # three leases
                await asyncio.sleep(0.1)
                await client.show("before")
            admin.config_set("maxmemory", "0")
        assert (await client.wait(run_id, timeout_s=_LIMIT_S)).status == "completed"
        assert await count(client, run_id, ev.NODE_RELEASED) == 0
    assert nodes.calls["n0"] == 2, "once for each run"
    said = Counter(record.getMessage() for record in caplog.records)
    assert not [text for text in said if "declared dead" in text]
    assert said["Redis is back; going on"] <= 2 * 2, "once for each link of each worker"


# ---- clocks and keys ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("step_s", [3600.0, -3600.0])
async def test_row_18_a_wrong_clock_of_a_machine_decides_nothing(
    step_s: float, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes = Nodes()
    right = time.time
    async with fleet(redis_url, nodes, workers=2) as (client, _):
        run_id = await client.start_run(
            parse_blueprint(
                {
                    "id": "timed",
                    "nodes": [
                        {"id": "s", "uses": "sleep", "params": {"duration": 300}},
                        {"id": "q", "uses": "gated"},
                    ],
                    "edges": [{"source": "s", "target": "q"}],
                }
            )
        )
        monkeypatch.setattr(time, "time", lambda: right() + step_s)
        await asyncio.wait_for(nodes.begun.wait(), _LIMIT_S)
        await asyncio.sleep(2 * _QUICK.lease_s)  # leases are real time, and nobody may lose one
        nodes.go_on.set()
        assert (await client.wait(run_id, timeout_s=_LIMIT_S)).status == "completed"
        assert await count(client, run_id, ev.NODE_RELEASED) == 0


async def test_rows_20_and_50_a_run_has_no_key_that_expires_and_is_retired_whole(redis_url: str) -> None:
    nodes = Nodes()
    retiring = WorkerOptions(sweep_s=0.05, retention_s=0.0, lost_after_s=0.3)
    with redis.Redis.from_url(redis_url) as server:
        async with AsyncExitStack() as stack:
            client = await stack.enter_async_context(DramatiqRedisAdapter(redis_url))
            run_id = await client.start_run(chain("quick", "quick"))
            assert {server.ttl(key) for key in server.scan_iter("*")} == {-1}
            await add_worker(stack, redis_url, nodes, retiring)
            while list(server.scan_iter(f"*{{{run_id}}}*")):
                await asyncio.sleep(0.02)
            await client.ports.queue.publish([JobPayload(run_id, "n1")])
            await asyncio.sleep(0.3)  # the late message is looked at
            assert not list(server.scan_iter(f"*{{{run_id}}}*"))


async def test_row_50_a_busy_fleet_forgets_as_fast_as_it_ends_runs(redis_url: str) -> None:
    """Thirty sweeps: far more often than one run in each of them."""
    nodes = Nodes()
    hardly_ever = WorkerOptions(sweep_s=3600.0, retention_s=0.0)
    async with AsyncExitStack() as stack:
        worker = await add_worker(stack, redis_url, nodes, hardly_ever)
        await asyncio.gather(*(worker.start_run(chain("quick"), run_id=f"old{n}") for n in range(200)))
        await asyncio.gather(*(worker.wait(f"old{n}", timeout_s=_LIMIT_S) for n in range(200)))
        await asyncio.sleep(0.01)
        assert worker._work is not None
        for _ in range(30):
            await worker._work._sweeper.sweep()
        assert await worker.ports.store.list_runs(limit=1000) == []


# ---- commands ----------------------------------------------------------------------------------------------


async def test_row_29_either_the_cancel_wins_or_the_end(redis_url: str) -> None:
    nodes = Nodes()
    ends: Counter[str] = Counter()

    async def race(client: DramatiqRedisAdapter, number: int) -> None:
        run_id = await client.start_run(chain("quick", "quick"))
        await asyncio.sleep(number % 10 / 1000)
        try:
            await client.cancel(run_id)
            told = "cancelled"
        except ConflictError:
            told = "completed"
        result = await client.wait(run_id, timeout_s=_LIMIT_S)
        assert result.status == told
        assert await count(client, run_id, ev.RUN_FINISHED) == 1
        ends[told] += 1

    async with fleet(redis_url, nodes, workers=2) as (client, _):
        await asyncio.gather(*(race(client, number) for number in range(100)))
    assert ends.total() == 100


async def test_row_30_a_cancel_reaches_the_node_that_runs(redis_url: str) -> None:
    nodes = Nodes()
    async with fleet(redis_url, nodes) as (client, _):
        run_id = await client.start_run(chain("gated", "quick"))
        await nodes.begun.wait()
        assert (await client.cancel(run_id)).status == "cancelled"
        await asyncio.wait_for(nodes.cancelled.wait(), _LIMIT_S)
        assert await count(client, run_id, ev.NODE_COMPLETED) == 0


async def test_row_38_ten_sweepers_do_what_one_would(redis_url: str) -> None:
    nodes = Nodes()
    async with fleet(redis_url, nodes, workers=10) as (client, _):
        sleeping = parse_blueprint(
            {"id": "s", "nodes": [{"id": "s", "uses": "sleep", "params": {"duration": 50}}]}
        )
        run_ids = [await client.start_run(sleeping) for _ in range(20)]
        for run_id in run_ids:
            assert (await client.wait(run_id, timeout_s=_LIMIT_S)).status == "completed"
            assert await count(client, run_id, ev.NODE_RESUMED) == 1
            assert await count(client, run_id, ev.NODE_RELEASED) == 0


async def test_row_39_fifty_reconciles_of_a_healthy_run_do_nothing(redis_url: str) -> None:
    nodes = Nodes()
    async with fleet(redis_url, nodes, workers=2) as (client, _):
        run_id = await client.start_run(chain("gated", "quick"))
        await nodes.begun.wait()
        before = len(await client.ports.store.events(run_id))
        await asyncio.gather(*(client.client.reconcile(run_id) for _ in range(50)))
        assert len(await client.ports.store.events(run_id)) == before
        nodes.go_on.set()
        assert (await client.wait(run_id, timeout_s=_LIMIT_S)).status == "completed"
    assert nodes.calls == {"n0": 1, "n1": 1}


# ---- workers -----------------------------------------------------------------------------------------------


async def test_rows_42_and_43_a_run_without_its_version_is_blocked_until_a_worker_has_it(
    redis_url: str,
) -> None:
    nodes = Nodes()
    wanted = chain("quick", metadata={"version": "1.0.0"})
    same_label = chain("quick", "quick", metadata={"version": "1.0.0"})
    async with fleet(redis_url, nodes, blueprints=[same_label]) as (client, stack):
        run_id = await client.start_run(wanted)
        result = await client.show(run_id)
        assert result.status == "blocked"
        assert "digest" in str(result.waiting)
        await add_worker(stack, redis_url, nodes, blueprints=[wanted])
        assert (await client.wait(run_id, timeout_s=_LIMIT_S)).status == "completed"
    assert nodes.calls == {"n0": 1}


async def test_row_48_a_node_that_blocks_its_process_keeps_its_claim(redis_url: str) -> None:
    nodes = Nodes()
    async with fleet(redis_url, nodes) as (client, _):
        run_id = await client.start_run(chain("blocking", "quick"))
        assert (await client.wait(run_id, timeout_s=_LIMIT_S)).status == "completed"
        assert await count(client, run_id, ev.NODE_RELEASED) == 0
    assert nodes.calls == {"n0": 1, "n1": 1}
