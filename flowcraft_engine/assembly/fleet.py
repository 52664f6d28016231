"""The fleet: clients of it, its workers, and who takes part."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from flowcraft_engine.assembly.servers import redis_addresses
from flowcraft_engine.settings import Settings

if TYPE_CHECKING:
    from flowcraft_engine.backends.redis.store import RedisCoordinationStore
    from flowcraft_engine.blueprint.model import Blueprint
    from flowcraft_engine.distributed.adapter import BaseDistributedAdapter
    from flowcraft_engine.distributed.observer import WorkObserver
    from flowcraft_engine.nodes.handler import Middleware
    from flowcraft_engine.nodes.registry import NodeRegistry
    from flowcraft_engine.settings.worker import WorkerSettings
    from flowcraft_engine.stores.fleet import FleetMember
    from flowcraft_engine.stores.fleet_sizes import FleetSizes

LOOK_PATIENCE_S = 0.5


async def fleet_sizes(worker: BaseDistributedAdapter) -> FleetSizes:
    """How many runs there are, and how much waits in the queues of this worker."""
    from flowcraft_engine.backends.redis.sizes import count_runs
    from flowcraft_engine.stores.fleet_sizes import FleetSizes

    ports = worker.ports
    queues = {queue: await ports.queue.depth(queue) for queue in worker.queues}
    return FleetSizes(await count_runs(ports.store), queues)  # type: ignore[arg-type]  # this fleet is on Redis


def make_fleet(
    settings: Settings, *, blueprints: Iterable[Blueprint] = (), only_looks: bool = False
) -> BaseDistributedAdapter:
    """A client of the fleet, not yet connected. Raises `UsageError` for addresses that are wrong or unsafe.

    One that `only_looks` does not wait for a server that is away: a look is soon repeated.
    """
    more = {"patience_s": LOOK_PATIENCE_S} if only_looks else {}
    return _adapter(settings, blueprints=blueprints, **more)


def make_worker(
    settings: Settings,
    worker: WorkerSettings,
    registry: NodeRegistry,
    *,
    blueprints: Iterable[Blueprint],
    name: str,
    middleware: Sequence[Middleware] = (),
    observer: WorkObserver | None = None,
) -> BaseDistributedAdapter:
    """A worker, not yet started, that claims as `name`, which must be new for each start."""
    from flowcraft_engine.distributed.adapter import WorkerOptions
    from flowcraft_engine.stores.queue_names import DEFAULT_QUEUE

    options = WorkerOptions(
        concurrency=settings.concurrency,
        lease_s=worker.lease_s,
        retention_s=worker.retention_s,
        queues=worker.queues or (DEFAULT_QUEUE,),
        serve_snapshots=worker.serve_snapshots,
        allow_remote_commands=worker.allow_remote_commands,
        name=name,
    )
    more = {"registry": registry, "options": options, "threads": worker.threads, "middleware": middleware}
    if observer is not None:
        more["observer"] = observer
    return _adapter(settings, blueprints=blueprints, is_worker=True, **more)


async def declare_dead(settings: Settings, owner: str) -> None:
    """Let others take over at once what a worker executed whose process is known to have ended."""
    async with make_fleet(settings, only_looks=True) as fleet:
        await fleet.client.fleet.declare_dead(owner)


def _adapter(settings: Settings, **more: Any) -> BaseDistributedAdapter:
    from flowcraft_engine.backends.dramatiq.adapter import DramatiqRedisAdapter

    state, broker = redis_addresses(settings)
    return DramatiqRedisAdapter(
        state,
        broker_url=broker.url,
        namespace=settings.namespace,
        insecure=settings.insecure,
        secret_providers=settings.secrets,
        root=settings.code_root,
        **more,
    )


async def fleet_members(settings: Settings) -> list[FleetMember]:
    """The workers that have registered in Redis, the dead ones too. Raises `BackendError`, `UsageError`."""
    from flowcraft_engine.backends.redis.fleet import RedisFleet

    async with looking_store(settings) as store:
        return await RedisFleet(store).members()


@asynccontextmanager
async def looking_store(settings: Settings) -> AsyncIterator[RedisCoordinationStore]:
    """The runs of a fleet for a look: does not wait for a server. Raises `BackendError`, `UsageError`."""
    from flowcraft_engine.backends.redis.link import Link
    from flowcraft_engine.backends.redis.store import RedisCoordinationStore

    state, _ = redis_addresses(settings)
    store = RedisCoordinationStore(Link(state, patience_s=LOOK_PATIENCE_S), namespace=settings.namespace)
    try:
        yield store
    finally:
        await store.close()
