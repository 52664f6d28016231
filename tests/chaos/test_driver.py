"""The clients of a storm: they come to rest with every run that will not move any more, whatever keeps it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from flowcraft_engine.backends.redis.embedded import EmbeddedRedis
from tests.acceptance.fleet_run import FaultyAdapter
from tests.acceptance.notation import graph
from tests.chaos.checker import Checker, Circumstances
from tests.chaos.driver import Driver, Run
from tests.chaos.ledger import Ledger
from tests.chaos.tally import Tally
from tests.chaos.worker import NAMESPACE, Orders, _adapter
from tests.chaos.workload import load_of
from tests.redis_server import usual_binary
from tests.reference.behaviours import Ret
from tests.reference.case import Answer, Case


@pytest.mark.asyncio
async def test_nobody_waits_for_the_answer_to_a_node_behind_one_that_was_given_up(tmp_path: Path) -> None:
    """K waits although J, which should have been answered first, never does."""
    blueprint = graph("I -> J; J -> K:done")
    for node in blueprint["nodes"]:
        if node["id"] in "JK":
            node["uses"] = "wait"
    case = Case(blueprint, {"I": Ret(1)}, answers=(Answer("J", 1), Answer("K", 2)))
    run, tally = Run("run", load_of(case)), Tally()
    (tmp_path / "ledger").mkdir()
    server = EmbeddedRedis.start(tmp_path / "redis", persistent=False, binary=usual_binary())
    try:
        async with FaultyAdapter(server.address.url, None, namespace=NAMESPACE) as adapter:
            driver, store = Driver(adapter, tally), adapter.ports.store
            await driver.start(run)
            for nonce in "123":
                await store.claim(run.id, [("I", nonce)], "dead")
                await store.release(run.id, "I", nonce, crashed=True, why="its worker has died")
            orders = Orders(1, 1, server.address.url, tmp_path, "", with_message_faults=False)
            async with _adapter(orders, [run.load], Ledger(tmp_path / "ledger" / "1.jsonl")) as worker:
                await worker.start()
                await asyncio.wait_for(driver.drive(run), 10)
                checker = Checker(adapter, driver, [], tally, Circumstances())
                await checker._acknowledged(run)
                assert not checker.violations
                assert tally["crash loops"] == 1
    finally:
        server.stop()
