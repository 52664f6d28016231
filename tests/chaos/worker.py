"""The processes that are killed: workers, and clients that die while they start runs."""

from __future__ import annotations

import asyncio
import contextlib
import faulthandler
import logging
import os
import pickle
import random
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flowcraft_engine import BackendError, NodeContext, NodeRegistry, NodeResult, parse_blueprint
from flowcraft_engine.distributed.adapter import WorkerOptions
from flowcraft_engine.distributed.client import FleetClient
from flowcraft_engine.failpoints import VARIABLE, failpoint
from tests.acceptance.fleet_run import FaultyAdapter
from tests.chaos.ledger import Ledger, TalliedCounter
from tests.chaos.tie import tie_to_storm
from tests.chaos.workload import Load
from tests.faults.faulty_queue import QueueFaults
from tests.reference.behaviours import Behaviour
from tests.reference.nodes import node_function

LEASE_S = 1.5
SWEEP_S = 0.3
LOST_AFTER_S = 1.0
CONCURRENCY = 8
NAMESPACE = "flowcraft"
GRACE_S = 3.0


@dataclass(frozen=True)
class Orders:
    """What a process of the storm is to do. `starts` makes it a client: the run ids and numbers of loads."""

    serial: int
    seed: int
    url: str
    folder: Path
    failpoints: str
    with_message_faults: bool
    versions: tuple[str, ...] = ()
    starts: tuple[tuple[str, int], ...] = field(default=())
    #: A mutant of the engine; see `mutants.py`.
    mutant: str = ""


def main(orders: Orders) -> None:
    """The whole life of a process, which was just forked from a clean server of processes."""
    log = os.open(orders.folder / "logs" / f"{orders.serial:04}.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(log, 1)
    os.dup2(log, 2)
    faulthandler.enable()
    faulthandler.register(signal.SIGUSR1, all_threads=True)
    tie_to_storm()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    os.environ[VARIABLE] = orders.failpoints
    if orders.mutant:
        from tests.chaos.mutants import MUTANTS

        MUTANTS[orders.mutant].install()
    loads: list[Load] = pickle.loads((orders.folder / "loads.pickle").read_bytes())
    asyncio.run(_start_runs(orders, loads) if orders.starts else _work(orders, loads))


async def _work(orders: Orders, loads: list[Load]) -> None:
    ledger = Ledger(orders.folder / "ledger" / f"{orders.serial:04}.jsonl")
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stopping.set)
    loop.add_signal_handler(signal.SIGUSR2, _tell_tasks)
    adapter = _adapter(orders, loads, ledger)
    async with adapter:
        await adapter.start()
        await stopping.wait()
        await adapter.stop(GRACE_S)


def _adapter(orders: Orders, loads: list[Load], ledger: Ledger) -> FaultyAdapter:
    faults = None
    if orders.with_message_faults:
        happened = TalliedCounter()
        happened.ledger = ledger
        faults = QueueFaults(orders.seed, lost=0.03, doubled=0.25, late=0.1, happened=happened)
    declared = [parse_blueprint(it.case.blueprint) for it in loads if it.version in orders.versions]
    return FaultyAdapter(
        orders.url,
        faults,
        namespace=NAMESPACE,
        registry=_registry(loads, ledger, random.Random(orders.seed)),
        blueprints=[it for it in declared if it.version],
        threads=2,
        is_worker=True,
        options=WorkerOptions(
            concurrency=CONCURRENCY,
            lease_s=LEASE_S,
            sweep_s=SWEEP_S,
            lost_after_s=LOST_AFTER_S,
            retention_s=None,
        ),
    )


def _registry(loads: list[Load], ledger: Ledger, chance: random.Random) -> NodeRegistry:
    registry = NodeRegistry()
    for load in loads:
        for name, behaviour in load.case.behaviours.items():
            registry.register(_with_effects(behaviour, ledger, chance), name)
    return registry


def _with_effects(
    behaviour: Behaviour, ledger: Ledger, chance: random.Random
) -> Callable[[NodeContext], Awaitable[Any]]:
    act = node_function(behaviour)

    async def perform(ctx: NodeContext) -> NodeResult:
        what = "interrupted"
        ledger.write("begin", ctx)
        try:
            await asyncio.sleep(chance.choice((0, 0, 0.005, 0.02, 0.1)))
            failpoint("exec.mid")
            result = await act(ctx)
            what = "end"
        except Exception:
            what = "raised"
            raise
        else:
            return result
        finally:
            ledger.write(what, ctx)

    return perform


def _tell_tasks() -> None:
    for task in asyncio.all_tasks():
        task.print_stack()


async def _start_runs(orders: Orders, loads: list[Load]) -> None:
    """Start runs until a failpoint ends us."""
    by_number = {load.number: load for load in loads}
    async with FaultyAdapter(orders.url, None, namespace=NAMESPACE) as adapter:
        for run_id, number in orders.starts:
            case = by_number[number].case
            with contextlib.suppress(BackendError):
                await client_for(adapter, by_number[number]).start(
                    parse_blueprint(case.blueprint), case.inputs, run_id=run_id
                )


def client_for(adapter: FaultyAdapter, load: Load) -> FleetClient:
    """A client that knows the sub-blueprints of a load; those of several loads have the same ids."""
    ports = adapter.ports
    children = [parse_blueprint(child) for child in load.case.children]
    return FleetClient(ports.store, ports.fleet, ports.queue, ports.clock, children)
