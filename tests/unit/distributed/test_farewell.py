"""A worker that has said goodbye stays away, although its process lives on."""

from __future__ import annotations

import asyncio

import pytest

from flowcraft_engine import DramatiqRedisAdapter, parse_blueprint
from flowcraft_engine.distributed import lease_keeper
from flowcraft_engine.stores.fleet import Renewal


@pytest.mark.asyncio
@pytest.mark.parametrize("answer", [Renewal.FORGOTTEN, Renewal.DEAD])
async def test_an_answer_about_the_lease_that_comes_after_the_farewell_changes_nothing(
    redis_url: str, monkeypatch: pytest.MonkeyPatch, answer: Renewal
) -> None:
    """The server was away for so long that the thread of the lease could not be waited for."""
    monkeypatch.setattr(lease_keeper, "_GOODBYE_S", 0.01)
    asked, go_on = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    async def slow(self: lease_keeper.LeaseKeeper, lease: lease_keeper.Lease) -> Renewal:
        loop.call_soon_threadsafe(asked.set)
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(go_on.wait(), loop))
        return answer

    monkeypatch.setattr(lease_keeper.LeaseKeeper, "_beat", slow)
    async with DramatiqRedisAdapter(redis_url) as adapter:
        await adapter.start()
        await asked.wait()
        work = adapter._work
        assert work is not None
        lease = work._lease
        await adapter.stop(0.1)
        go_on.set()
        await asyncio.to_thread(lease._thread.join)
        await asyncio.sleep(0)
        assert (work._lease, work._registration) == (lease, None)
        assert await adapter.ports.fleet.members() == []


@pytest.mark.asyncio
async def test_a_claim_that_is_granted_while_a_worker_leaves_is_no_crash(redis_url: str) -> None:
    blueprint = parse_blueprint({"id": "one", "nodes": [{"id": "A", "uses": "nobody-has-it"}]})
    async with DramatiqRedisAdapter(redis_url) as adapter:
        run_id = await adapter.start_run(blueprint)
        await adapter.start()
        work, store = adapter._work, adapter.ports.store
        assert work is not None
        assert await store.claim(run_id, [("A", "late")], work._owner)
        await adapter.stop(0.1)
        _, state = await store.glance(run_id)
        instance = state.instances["A"]
        assert (instance.state, instance.crashes) == ("ready", 0)
        assert await adapter.ports.fleet.members() == []
