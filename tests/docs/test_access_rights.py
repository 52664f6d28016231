"""The rights that docs/operations.md asks for are enough for a fleet, and for looking at it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import redis

from flowcraft_engine import BackendError, DramatiqRedisAdapter, NodeRegistry, parse_blueprint
from flowcraft_engine.backends.redis.address import RedisAddress
from flowcraft_engine.backends.redis.embedded import EmbeddedRedis
from flowcraft_engine.backends.redis.server_facts import read_facts
from flowcraft_engine.distributed.adapter import WorkerOptions

StartRedis = Callable[..., EmbeddedRedis]
pytestmark = pytest.mark.asyncio
_PAGE = Path(__file__).parents[2] / "docs" / "operations.md"
_SLOW = {
    "id": "rights",
    "nodes": [
        {"id": "a", "uses": "sleep", "params": {"duration": 50}},
        {"id": "b", "uses": "noop", "needs": ["a"], "for_each": "list"},
        {"id": "c", "uses": "wait", "needs": ["b"]},
    ],
}


def _rules() -> list[str]:
    (line,) = [it for it in _PAGE.read_text().splitlines() if it.startswith("ACL SETUSER")]
    return line.replace("PASSWORD", "pw").split()


async def test_the_documented_rights_are_enough_for_a_fleet(start_redis: StartRedis) -> None:
    server = start_redis()
    with redis.Redis(port=server.address.port) as admin:
        admin.execute_command(*_rules())
        url = f"redis://flowcraft:pw@127.0.0.1:{server.address.port}/0"
        await read_facts(RedisAddress.parse(url))
        admin.acl_log_reset()
        options = WorkerOptions(lease_s=1.0, sweep_s=0.1, lost_after_s=0.3, retention_s=None)
        worker = DramatiqRedisAdapter(url, registry=NodeRegistry(), is_worker=True, options=options)
        async with worker, DramatiqRedisAdapter(url) as client:
            await worker.start()
            run_id = await client.start_run(parse_blueprint(_SLOW), {"list": [1, 2]})
            assert (await client.wait(run_id, timeout_s=60)).status == "waiting"
            await client.client.reconcile(run_id)
            await client.resume(run_id, output="on")
            assert (await client.wait(run_id, timeout_s=60)).status == "completed"
            await client.ports.store.retire(run_id)
        # That one is a wish of doctor, and not needed.
        assert {it["object"] for it in admin.acl_log()} <= {"config|get"}


async def test_whoever_has_too_few_rights_is_told_where_they_are_listed(start_redis: StartRedis) -> None:
    server = start_redis()
    with redis.Redis(port=server.address.port) as admin:
        admin.execute_command(*_rules(), "-info")
    with pytest.raises(BackendError) as raised:
        await read_facts(RedisAddress.parse(f"redis://flowcraft:pw@127.0.0.1:{server.address.port}/0"))
    assert "docs/operations.md" in (raised.value.hint or "")
