"""Workers and clients: the real ones, over roads instead of connections."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Coroutine
from typing import Any

from flowcraft_engine import Blueprint, NodeContext, NodeRegistry, parse_blueprint
from flowcraft_engine.backends.redis.fleet import RedisFleet
from flowcraft_engine.backends.redis.scripts import Scripts
from flowcraft_engine.backends.redis.server_clock import ServerClock
from flowcraft_engine.backends.redis.store import RedisCoordinationStore
from flowcraft_engine.distributed.client import FleetClient
from flowcraft_engine.distributed.placement import Placement
from flowcraft_engine.distributed.publisher import Publisher
from flowcraft_engine.distributed.sweeper import Sweeper
from flowcraft_engine.distributed.worker import FleetWorker
from flowcraft_engine.execution.environment import Environment
from flowcraft_engine.stores.fleet import Renewal, WorkerManifest
from flowcraft_engine.stores.job_queue import JobPayload
from flowcraft_engine.stores.queue_names import DEFAULT_QUEUE, queue_of_types
from tests.interleaving.ledger import Ledger
from tests.interleaving.messages import Messages, QueueView
from tests.interleaving.road import Road, SteppedLink
from tests.interleaving.server import Server
from tests.reference.case import Case
from tests.reference.nodes import NodeFunction, node_function

LEASE_S = 15.0


class Surroundings:
    """What all processes of one experiment share."""

    def __init__(self, case: Case, server: Server, scripts: Scripts, now: Callable[[], float]) -> None:
        self.case = case
        self.server = server
        self.scripts = scripts
        self.now = now
        self.messages = Messages(now)
        self.ledger = Ledger()
        self.blueprint = parse_blueprint(case.blueprint)
        self.children: list[Blueprint] = [parse_blueprint(child) for child in case.children]


class Process:
    """A process with a store of its own. Its machine's clock is off by `skew_s`."""

    def __init__(self, name: str, around: Surroundings, skew_s: float) -> None:
        self.name = name
        self.around = around
        self.road = Road()
        self.is_frozen = False
        #: When it may wake up again, if it sleeps.
        self.sleeps_until_ms = 0
        #: How often it moves, beside the others.
        self.speed = 10.0
        self.tasks: set[asyncio.Task[Any]] = set()
        self.clock = ServerClock(monotonic=lambda: around.now() + skew_s)
        link = SteppedLink(self.road, around.server)
        self.store = RedisCoordinationStore(link, scripts=around.scripts, server_clock=self.clock)
        self.fleet = RedisFleet(self.store)
        self.queue = QueueView(around.messages, self.road)

    @property
    def may_move(self) -> bool:
        return not self.is_frozen and not self.road.is_closed

    @property
    def appends_as(self) -> str:
        """What the ids of its appends begin with."""
        return self.store.runs.next_append_id().rpartition("-")[0]

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)
        return task


class Client(Process):
    """Starts, answers and cancels."""

    def __init__(self, name: str, around: Surroundings, skew_s: float) -> None:
        super().__init__(name, around, skew_s)
        self.client = FleetClient(self.store, self.fleet, self.queue, self.clock, around.children)


class Worker(Process):
    """Takes jobs and sweeps, when the scheduler says so."""

    def __init__(self, name: str, around: Surroundings, skew_s: float, concurrency: int) -> None:
        super().__init__(name, around, skew_s)
        self.names = 0
        registry = NodeRegistry()
        for kind, behaviour in around.case.behaviours.items():
            registry.register(self._observed(node_function(behaviour)), kind)
        self._types = tuple(sorted(registry.names()))
        self.owner = self.store.claim_as(name)
        env = Environment(
            store=self.store, handlers=registry, owner=self.owner, clock=self.clock, chance=lambda: 0.5
        )
        publisher = Publisher(self.store, self.queue)
        self.placement = Placement(self._manifest(), self.fleet, publisher)
        self.worker = FleetWorker(
            env, publisher, self.placement, concurrency, on_due=lambda due: None, on_room=lambda: None
        )
        self.sweeper = Sweeper(
            store=self.store,
            fleet=self.fleet,
            queue=self.queue,
            publisher=publisher,
            worker=self.worker,
            clock=self.clock,
            owner=lambda: self.owner,
            queues=lambda: [DEFAULT_QUEUE, queue_of_types(self._types)],
            heard_s=lambda: math.inf,
            lease_s=-LEASE_S,  # the test's server has been up for long enough
            period_s=1.0,
            retention_s=None,
        )
        self.renewing: asyncio.Task[Any] | None = None
        self.sweeping: asyncio.Task[Any] | None = None

    def begin(self) -> None:
        self.spawn(self._register())

    def take(self, job: JobPayload) -> asyncio.Task[Any]:
        return self.spawn(self.worker.on_job(job))

    def renew(self) -> None:
        if self.renewing is None or self.renewing.done():
            self.renewing = self.spawn(self._renew())

    def sweep(self, *, only_due: bool) -> None:
        if self.sweeping is None or self.sweeping.done():
            self.sweeping = self.spawn(self.sweeper.fire_due() if only_due else self._sweep())

    async def _sweep(self) -> None:
        await self.sweeper.fire_due()
        await self.sweeper.sweep()

    async def _register(self) -> None:
        for job, queue in await self.fleet.register(self._manifest(), LEASE_S):
            await self.fleet.unpark(job, queue)
            await self.queue.publish([job])

    async def _renew(self) -> None:
        """What `LeaseKeeper` and the adapter do."""
        renewal = await self.fleet.renew(self.owner, LEASE_S)
        if renewal is not Renewal.DEAD:
            if renewal is Renewal.FORGOTTEN:
                await self._register()
            return
        self.names += 1
        self.owner = self.store.claim_as(f"{self.name}.{self.names}")
        self.placement.manifest = self._manifest()
        self.worker.go_on_as(self.owner)
        await self._register()

    def _manifest(self) -> WorkerManifest:
        own = queue_of_types(self._types)
        return WorkerManifest(self.owner, "here", 1, 0.0, (DEFAULT_QUEUE, own), own, self._types)

    def _observed(self, function: NodeFunction) -> NodeFunction:
        async def perform(ctx: NodeContext) -> Any:
            self.around.ledger.begin(ctx.run_id, ctx.instance, ctx.idempotency_key)
            await self.road.travel(f"work {ctx.instance}", lambda: None)
            result = await function(ctx)
            await self.road.travel(f"work done {ctx.instance}", lambda: None)
            return result

        return perform
