"""A service that loads, or makes, a blueprint for each run must not grow by each."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from flowcraft_engine import Blueprint, FlowRuntime
from flowcraft_engine.backends.redis.address import RedisAddress
from flowcraft_engine.backends.redis.link import Link
from flowcraft_engine.backends.redis.store import RedisCoordinationStore
from flowcraft_engine.backends.sqlite import SqliteStore
from flowcraft_engine.blueprint.model import NodeSpec
from flowcraft_engine.kernel.compile import compile_plan
from flowcraft_engine.kernel.plan import Plan
from flowcraft_engine.stores.coordination_store import CoordinationStore
from flowcraft_engine.stores.memory_store import MemoryStore

pytestmark = pytest.mark.asyncio
_RUNS = 600


def blueprint(number: int) -> Blueprint:
    return Blueprint(id="made", nodes=(NodeSpec(id=f"node-{number}", uses="noop"),))


def plans() -> int:
    gc.collect()
    return sum(isinstance(it, Plan) for it in gc.get_objects())


async def test_one_that_is_loaded_for_each_run_is_kept_for_the_latest() -> None:
    before = plans()
    async with FlowRuntime(store=MemoryStore(keep_finished=10)) as runtime:
        for _ in range(_RUNS):
            await runtime.run(blueprint(0))
        assert plans() - before < 300


async def test_of_those_that_a_state_file_has_the_latest_are_in_memory(tmp_path: Path) -> None:
    await only_the_latest_are_in_memory(SqliteStore(tmp_path / "state.db"))


async def test_of_those_that_redis_has_the_latest_are_in_memory(redis_address: RedisAddress) -> None:
    await only_the_latest_are_in_memory(RedisCoordinationStore(Link(redis_address)))


async def only_the_latest_are_in_memory(store: CoordinationStore) -> None:
    before = plans()
    for number in range(_RUNS):
        await store.pin(compile_plan(blueprint(number)))
    assert plans() - before < 300
    first = compile_plan(blueprint(0)).digest
    assert (await store.plan(first)).digest == first
    await store.close()
