"""Retry, rerun, pause, logs and secrets on workers over a real Redis: as in one process."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from typing import Any

import pytest

from flowcraft_engine import NodeContext, NodeRegistry, parse_blueprint
from flowcraft_engine.backends.dramatiq.adapter import DramatiqRedisAdapter
from flowcraft_engine.distributed.adapter import WorkerOptions
from tests.acceptance.notation import child, graph

pytestmark = pytest.mark.asyncio
LIMIT_S = 60.0
CANARY = "canary-in-a-fleet-42"


class Fleet:
    """A client and two workers in this process; nodes fail while they are in `broken`."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._stack = AsyncExitStack()
        self.broken: set[str] = set()
        self.calls: Counter[str] = Counter()
        self.keys: dict[str, set[str]] = {}

    async def _work(self, ctx: NodeContext) -> Any:
        self.calls[ctx.instance] += 1
        self.keys.setdefault(ctx.instance, set()).add(ctx.idempotency_key)
        ctx.logger.info("%s says %s", ctx.instance, ctx.params.get("token"))
        if ctx.instance in self.broken:
            raise ValueError(f"broken {ctx.params.get('token')}")
        return ctx.params.get("token") or ctx.instance

    async def __aenter__(self) -> Fleet:
        registry = NodeRegistry()
        for name in ("A", "B", "R", "child.X", "child.Y"):
            registry.register(self._work, name)
        for _ in range(2):
            worker = DramatiqRedisAdapter(
                self._url, registry=registry, is_worker=True, options=WorkerOptions(sweep_s=0.2)
            )
            await self._stack.enter_async_context(worker)
            await worker.start()
        inner = parse_blueprint(child("child", "X -> Y"))
        adapter = DramatiqRedisAdapter(self._url, blueprints=[inner])
        self.client = (await self._stack.enter_async_context(adapter)).client
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    async def run(self, text: str, **params: Any) -> str:
        data = graph(text)
        for node in data["nodes"]:
            if node["id"] in params:
                node["params"] = params[node["id"]]
        run_id = await self.client.start(parse_blueprint(data), run_id="run")
        return await self.end(run_id)

    async def end(self, run_id: str = "run") -> str:
        return (await self.client.proceed(run_id, timeout_s=LIMIT_S)).status


async def test_a_failed_sub_run_and_failed_items_are_retried_inside(redis_url: str) -> None:
    async with Fleet(redis_url) as fleet:
        fleet.broken = {"Y", "R[1]"}
        assert await fleet.run("A -> N:sub(child) -> B; A -> R:each([0, 1, 2]) -> B") == "failed"
        fleet.broken.clear()
        steps = await fleet.client.retry("run")
        assert [step.run_id for step in steps] == ["run:N", "run"]
        assert await fleet.end() == "completed"
        once = dict.fromkeys(("A", "X", "R[0]", "R[2]", "B"), 1)
        assert fleet.calls == {**once, "Y": 2, "R[1]": 2}
        assert len(fleet.keys["Y"]) == 1
        assert [it.run_id for it in await fleet.client.store.list_runs(status="completed")] != []
        await fleet.client.rerun("run", "A")
        assert await fleet.end() == "completed"
        assert len(fleet.keys["A"]) == 2
        assert (await fleet.client.show("run")).generation == 3


async def test_a_paused_run_stands_still_on_all_workers(redis_url: str) -> None:
    async with Fleet(redis_url) as fleet:
        assert await fleet.run("A -> W:wait -> B") == "waiting"
        assert await fleet.client.pause("run")
        await fleet.client.answer("run", "W", output=1)
        # Longer than the sweepers need to find what nobody does.
        await asyncio.sleep(0.6)
        assert (await fleet.client.show("run")).status == "paused"
        assert fleet.calls == {"A": 1}
        assert await fleet.client.unpause("run")
        assert await fleet.end() == "completed"
        assert fleet.calls == {"A": 1, "B": 1}


async def test_a_lease_that_has_run_out_is_not_told_as_a_valid_one(redis_url: str) -> None:
    """Its worker has the time of a lease to come back to a server that has just been started."""
    go_on = asyncio.Event()

    async def hold(ctx: NodeContext) -> None:
        await go_on.wait()

    registry = NodeRegistry()
    registry.register(hold, "A")
    # As long as no server was ever up: the worker is never taken for dead.
    options = WorkerOptions(sweep_s=0.2, lease_s=10_000_000)
    worker = DramatiqRedisAdapter(redis_url, registry=registry, is_worker=True, options=options)
    async with worker, DramatiqRedisAdapter(redis_url) as adapter:
        await worker.start()
        run_id = await adapter.start_run(parse_blueprint(graph("A")), run_id="run")
        store: Any = adapter.client.store
        async with asyncio.timeout(LIMIT_S):
            while (
                not (found := await adapter.client.evidence(run_id)) or "runs since" not in found[0].finding
            ):
                await asyncio.sleep(0.02)
        (name,) = await store.link.call("ZRANGE", "flowcraft:workers", 0, -1)
        await store.link.call("ZADD", "flowcraft:workers", 1, name)
        (later,) = await adapter.client.evidence(run_id)
        go_on.set()
        await adapter.wait(run_id, timeout_s=LIMIT_S)
    assert "whose lease is valid for" in found[0].finding
    assert "whose lease has run out; it has the time of one to come back" in later.finding
    assert later.repair is None


async def test_workers_keep_logs_and_mask_secrets_in_them_and_in_redis(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FLEET_TOKEN", CANARY)
    async with Fleet(redis_url) as fleet:
        fleet.broken = {"B"}
        token = {"token": '${{ secret("FLEET_TOKEN") }}'}
        assert await fleet.run("A -> B", A=token, B=token) == "failed"
        result = await fleet.client.show("run")
        assert result.nodes["A"].output == "***"
        assert result.errors[0].message == "broken ***"
        store: Any = fleet.client.store
        async with asyncio.timeout(LIMIT_S):
            while len(parts := await store.read_logs("run")) < 2:
                await asyncio.sleep(0.02)
        assert [line.text for part in parts for line in part.lines] == ["A says ***", "B says ***"]
        assert await _dump(store) > 0


_READERS = {
    b"string": ("GET",),
    b"hash": ("HGETALL",),
    b"list": ("LRANGE", 0, -1),
    b"set": ("SMEMBERS",),
    b"zset": ("ZRANGE", 0, -1),
    b"stream": ("XRANGE", "-", "+"),
}


async def _dump(store: Any) -> int:
    """How many keys there are in Redis; none of them may hold the canary."""
    keys = await store.link.call("KEYS", "*")
    for key in keys:
        verb, *rest = _READERS.get(await store.link.call("TYPE", key), ("EXISTS",))
        assert CANARY not in str(await store.link.call(verb, key, *rest)), key
    return len(keys)
