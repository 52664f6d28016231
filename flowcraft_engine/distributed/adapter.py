"""`BaseDistributedAdapter`: one process's part in a fleet, whatever carries the jobs and keeps the runs.

Theory of operation. State is the truth, messages are hints. A run lives in the store; a job says no more than "look
at this instance". The adapter joins three ports: the store, the fleet (leases, errands, what is lost) and the queue.

As a client it starts runs, answers, cancels and waits. As a worker (`start`) it also takes jobs from the queues that
it can serve, executes them on the same path as a run in one process (`execution/`), and sweeps: every worker fires
timers, takes claims back from the dead and publishes what was lost, so a fleet heals itself.

A concrete adapter says how to connect, how jobs reach this process, and how its lease thread gets a connection of
its own.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from types import TracebackType
from typing import Any, Protocol, Self

from flowcraft_engine.blueprint.model import Blueprint
from flowcraft_engine.clock import Clock
from flowcraft_engine.distributed.client import FleetClient
from flowcraft_engine.distributed.lease_keeper import Lease, LeaseKeeper
from flowcraft_engine.distributed.observer import UNOBSERVED, WorkObserver
from flowcraft_engine.distributed.placement import Placement
from flowcraft_engine.distributed.publisher import Publisher, QueueOfQueues
from flowcraft_engine.distributed.sweeper import Sweeper
from flowcraft_engine.distributed.worker import FleetWorker
from flowcraft_engine.errors import FlowcraftError, UsageError
from flowcraft_engine.execution.endings import Endings
from flowcraft_engine.execution.environment import Environment, ValueLimits
from flowcraft_engine.execution.output_log import output_log_of
from flowcraft_engine.execution.secrets import Secrets
from flowcraft_engine.failpoints import failpoint, is_armed
from flowcraft_engine.frozen import frozen
from flowcraft_engine.history.run_result import RunResult
from flowcraft_engine.nodes.handler import CallNext, Middleware
from flowcraft_engine.nodes.node_context import NodeContext
from flowcraft_engine.nodes.registry import NodeRegistry, checked_registry
from flowcraft_engine.nodes.secret_providers import EnvironmentSecrets, SecretProvider
from flowcraft_engine.stores.coordination_store import CoordinationStore
from flowcraft_engine.stores.fleet import DeclaredBlueprint, Fleet, WorkerManifest
from flowcraft_engine.stores.job_queue import JobPayload
from flowcraft_engine.stores.queue_names import DEFAULT_QUEUE, queue_of, queue_of_types
from flowcraft_engine.task import new_task
from flowcraft_engine.values.masking import Masker
from flowcraft_engine.version import __version__

OnJob = Callable[[JobPayload], Awaitable[None]]
_log = logging.getLogger("flowcraft.worker")

DEFAULT_LEASE_S = 15.0
DEFAULT_RETENTION_S = 7 * 24 * 3600.0
DEFAULT_CONCURRENCY = 32
DEFAULT_GRACE_S = 30.0
#: How long what goes on in the background may take to end.
_GOODBYE_S = 3.0


@frozen
class Ports:
    """What an adapter works on; all share one clock."""

    store: CoordinationStore
    fleet: Fleet
    queue: QueueOfQueues
    clock: Clock


class Consumer(Protocol):
    """Brings the jobs of some queues to this process; a job is acknowledged when `on_job` returns."""

    def start(self, loop: asyncio.AbstractEventLoop) -> None: ...

    def add_queue(self, name: str) -> None: ...

    def nudge(self) -> None:
        """There may be room for more jobs."""
        ...

    async def stop(self, timeout_s: float) -> None:
        """Take no more jobs; give back what was not begun."""
        ...


@frozen
class WorkerOptions:
    """How this process works in the fleet.

    `queues` are the queues of unversioned runs that it serves; those of its own versioned blueprints come by
    themselves. After `lease_s` without a sign of life others take over what it executes. Runs that ended
    `retention_s` ago are forgotten; None keeps them.
    """

    concurrency: int = DEFAULT_CONCURRENCY
    lease_s: float = DEFAULT_LEASE_S
    sweep_s: float = 1.0
    #: How old a message must be before it is looked for: with the time until somebody sweeps, at most 6 s.
    lost_after_s: float = 4.5
    retention_s: float | None = DEFAULT_RETENTION_S
    queues: tuple[str, ...] = (DEFAULT_QUEUE,)
    serve_snapshots: bool = False
    allow_remote_commands: bool = False
    #: Under which the process claims; must be new for each start. None: one is made.
    name: str | None = None


class BaseDistributedAdapter(ABC):
    """Runs blueprints on a fleet. An async context manager; use it in the event loop that entered it.

        async with SomeAdapter(...) as adapter:
            run_id = await adapter.start_run(blueprint, {"order": {...}})
            result = await adapter.wait(run_id)

    `start` makes this process a worker, too, until `stop`.
    """

    def __init__(
        self,
        *,
        registry: NodeRegistry | None = None,
        blueprints: Iterable[Blueprint] = (),
        dependencies: Mapping[str, Any] | None = None,
        middleware: Sequence[Middleware] = (),
        limits: ValueLimits | None = None,
        options: WorkerOptions | None = None,
        secret_providers: Sequence[SecretProvider] = (EnvironmentSecrets(),),
        observer: WorkObserver = UNOBSERVED,
        root: str | os.PathLike[str] = ".",
    ) -> None:
        self.registry = checked_registry(registry)
        self.options = options or WorkerOptions()
        if self.options.concurrency < 1:
            raise ValueError("concurrency must be at least 1")
        self._blueprints = list(blueprints)
        self._dependencies = dict(dependencies or {})
        self._middleware = tuple(middleware)
        self._limits = limits or ValueLimits()
        self._secrets = Secrets(secret_providers)
        self.observer = observer
        self._root = os.path.abspath(root)  # noqa: PTH100  # text, to be compared with
        self._ports: Ports | None = None
        self._client: FleetClient | None = None
        self._work: _Work | None = None
        #: That which is being stopped.
        self._leaving: _Work | None = None

    # ---- for concrete adapters -----------------------------------------------------------------------------

    @abstractmethod
    async def _connect(self) -> Ports:
        """Open the ports. A client gives up after a while without a server, a worker waits for it."""

    @abstractmethod
    def _make_consumer(self, on_job: OnJob, queues: Sequence[str], room: Callable[[], int]) -> Consumer:
        """A consumer of these queues; `room` says, to any thread, how many more jobs may begin now."""

    @abstractmethod
    def _open_lease(self) -> AbstractAsyncContextManager[Lease]:
        """A connection for the thread that keeps the lease, opened and closed in that thread's event loop."""

    # ---- lifetime ------------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        if self._ports is None:
            self._ports = await self._connect()
            ports = self._ports
            self._client = FleetClient(ports.store, ports.fleet, ports.queue, ports.clock, self._blueprints)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
        if self._ports is not None:
            ports, self._ports, self._client = self._ports, None, None
            await ports.queue.close()
            await ports.store.close()

    @property
    def ports(self) -> Ports:
        if self._ports is None:
            raise UsageError("the adapter is not connected", hint="use it in 'async with adapter:'")
        return self._ports

    @property
    def client(self) -> FleetClient:
        """What clients may do."""
        _ = self.ports
        assert self._client is not None
        return self._client

    # ---- for clients ---------------------------------------------------------------------------------------

    async def start_run(
        self, blueprint: Blueprint, inputs: Mapping[str, Any] | None = None, *, run_id: str | None = None
    ) -> str:
        """Store a new run and publish its first jobs; its id. The same `run_id` again starts nothing new.

        Raises `InputError` for inputs that do not fit and `ConflictError` for a `run_id` that means another run.
        """
        return await self.client.start(blueprint, inputs, run_id=run_id)

    async def wait(self, run_id: str, *, timeout_s: float | None = None) -> RunResult:
        """Return when the run has ended, when only a person can move it on, or after `timeout_s`."""
        return await self.client.proceed(run_id, timeout_s=timeout_s)

    async def resume(
        self, run_id: str, node: str | None = None, *, action: str | None = None, output: Any = None
    ) -> bool:
        """Answer a wait. False if the very same answer was given before."""
        return await self.client.answer(run_id, node, action=action, output=output)

    async def cancel(self, run_id: str, reason: str | None = None) -> RunResult:
        """End a run, sub-runs included. Raises `ConflictError` if it has ended."""
        return await self.client.cancel(run_id, reason)

    async def show(self, run_id: str) -> RunResult:
        """The run as it stands."""
        return await self.client.show(run_id)

    # ---- for workers ---------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Take part in the fleet, from now on. Connects if that was not done yet."""
        await self.__aenter__()
        if self._work is None:
            self._work = _Work(self)
            await self._work.start()

    async def stop(self, grace_s: float = DEFAULT_GRACE_S) -> None:
        """Take no more jobs, finish what runs within `grace_s`, hand back the rest. May be called twice."""
        if self._work is not None:
            work, self._work = self._work, None
            self._leaving = work
            await work.stop(grace_s)

    async def hand_back(self) -> None:
        """While `stop` is under way: hand back what runs at once, without the grace, and leave the fleet.

        Costs no attempt, as at the end of the grace. Without Redis it takes as long as that is away.
        """
        if self._leaving is not None:
            await self._leaving.hand_back()

    @property
    def masker(self) -> Masker:
        """Knows the secrets that nodes have been given in this process, and takes them out of texts."""
        return self._secrets.masker

    @property
    def is_working(self) -> bool:
        return self._work is not None

    @property
    def queues(self) -> tuple[str, ...]:
        """The queues that this process serves while it works; empty before and after."""
        return self._work.queues if self._work is not None else ()

    def manifest(self, owner: str) -> WorkerManifest:
        """What this process says of itself."""
        options = self.options
        types = tuple(sorted(self.registry.names()))
        declared = tuple(
            DeclaredBlueprint(it.id, it.version, self.client.plan_of(it).digest) for it in self._blueprints
        )
        versioned = [queue_of(it, self.client.plan_of(it).digest) for it in self._blueprints if it.version]
        own_queue = queue_of_types(types)
        return WorkerManifest(
            owner=owner,
            host=socket.gethostname(),
            pid=os.getpid(),
            started_at=self.ports.clock.now(),
            queues=tuple(dict.fromkeys([*options.queues, *versioned, own_queue])),
            own_queue=own_queue,
            node_types=types,
            blueprints=declared,
            concurrency=options.concurrency,
            lease_s=options.lease_s,
            serves_snapshots=options.serve_snapshots,
            allows_remote_commands=options.allow_remote_commands,
            flowcraft=__version__,
        )

    def _environment(self, owner: str) -> Environment:
        store, clock = self.ports.store, self.ports.clock
        return Environment(
            output=output_log_of(store, clock, self._secrets.masker),
            secrets=self._secrets,
            store=store,
            handlers=self.registry,
            owner=owner,
            clock=clock,
            dependencies=self._dependencies,
            middleware=(_failing, *self._middleware) if is_armed() else self._middleware,
            limits=self._limits,
            root=self._root,
        )


class _Work:
    """A process at work: from `start` to `stop`."""

    def __init__(self, adapter: BaseDistributedAdapter) -> None:
        self._adapter = adapter
        self._ports = ports = adapter.ports
        self._options = adapter.options
        self._loop = asyncio.get_running_loop()
        self._owner = ports.store.claim_as(self._options.name)
        self._publisher = Publisher(ports.store, ports.queue)
        manifest = adapter.manifest(self._owner)
        self._manifest = manifest
        self._placement = Placement(manifest, ports.fleet, self._publisher)
        env = adapter._environment(self._owner)
        self._output = env.output
        self._worker = FleetWorker(
            env,
            self._publisher,
            self._placement,
            self._options.concurrency,
            on_due=self._look_at,
            on_room=self._nudge,
            endings=Endings(ports.store, env.middleware, ports.fleet.is_first_to_tell),
            observer=adapter.observer,
        )
        self._queues = list(manifest.queues)
        self._consumer = adapter._make_consumer(self._worker.on_job, self._queues, lambda: self._worker.room)
        self._sweeper = Sweeper(
            store=ports.store,
            fleet=ports.fleet,
            queue=ports.queue,
            publisher=self._publisher,
            worker=self._worker,
            clock=ports.clock,
            owner=lambda: self._owner,
            queues=lambda: self._queues,
            heard_s=lambda: self._lease.heard_s,
            lease_s=self._options.lease_s,
            period_s=self._options.sweep_s,
            retention_s=self._options.retention_s,
        )
        self._lease = self._make_lease()
        self._tasks: list[asyncio.Task[None]] = []
        self._registration: asyncio.Task[None] | None = None
        #: From the farewell on, what the lease still hears brings this process back no more.
        self._has_left = False

    @property
    def queues(self) -> tuple[str, ...]:
        return self._manifest.queues

    async def start(self) -> None:
        await self._register()
        if self._output is not None:
            self._output.start()
        self._lease.start()
        await self._sweeper.begin()
        self._consumer.start(self._loop)
        self._tasks = [new_task(self._sweeper.run(), self._loop)]
        if self._options.serve_snapshots:
            self._tasks.append(new_task(self._serve_all_queues(), self._loop))

    async def stop(self, grace_s: float) -> None:
        began = self._loop.time()
        await self._consumer.stop(min(grace_s, 5.0))
        await self._worker.drain(max(0.0, grace_s - (self._loop.time() - began)))
        self._sweeper.stop()
        _, hanging = await asyncio.wait(self._tasks[:1], timeout=_GOODBYE_S)
        await self._lease.stop()  # before its last word is too late: it may still want a registration
        self._has_left = True  # its thread may hang in a question, if the server is away
        left = [*hanging, *self._tasks[1:]]
        if self._registration is not None:
            left.append(self._registration)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left, timeout=_GOODBYE_S)
        if self._output is not None:
            await self._output.stop()
        await self._leave()

    async def hand_back(self) -> None:
        await self._worker.hand_back()
        # A beat after the farewell would bring this process back, under another name.
        await self._lease.stop()
        self._has_left = True
        await self._leave()

    async def _leave(self) -> None:
        fleet = self._ports.fleet
        # Granted to a job that was interrupted with its request on the way: nobody executes that, and nobody has died.
        await self._worker.give_back(await fleet.claims_of(self._owner))
        await fleet.leave(self._owner)

    async def _register(self) -> None:
        """Join the fleet, and make what nobody could execute so far ready again."""
        parked = await self._ports.fleet.register(self._manifest, self._options.lease_s)
        failpoint("boot.register")
        for job, queue in parked:
            failpoint("version.unpark")
            await self._ports.fleet.unpark(job, queue)
        await self._publisher.publish([job for job, _ in parked])

    def _make_lease(self) -> LeaseKeeper:
        return LeaseKeeper(
            self._owner,
            self._options.lease_s,
            self._adapter._open_lease,
            on_lost=lambda: self._in_loop(self._go_on_as_another),
            on_forgotten=lambda: self._in_loop(self._register_soon),
        )

    def _in_loop(self, do: Callable[[], None]) -> None:
        self._loop.call_soon_threadsafe(lambda: None if self._has_left else do())

    def _register_soon(self) -> None:
        """Say once more what can be executed here, and take along what was parked meanwhile."""
        if self._registration is None or self._registration.done():
            self._registration = new_task(self._register_again(), self._loop)

    async def _register_again(self) -> None:
        owner = ""
        while owner != self._owner:  # it may be declared dead meanwhile
            owner = self._owner
            try:
                await self._register()
            except FlowcraftError as error:
                _log.warning("this worker could not be registered again, and tries on: %s", error)
                owner = ""
                await asyncio.sleep(self._options.sweep_s)

    def _go_on_as_another(self) -> None:
        """Others think that we have died, and have taken our claims: go on under a new name."""
        lost = self._owner
        self._owner = self._ports.store.claim_as(None)
        _log.warning("%s was silent for too long and is declared dead; it goes on as %s", lost, self._owner)
        self._manifest = replace(self._manifest, owner=self._owner)
        self._placement.manifest = self._manifest
        self._worker.go_on_as(self._owner)
        self._lease = self._make_lease()
        self._lease.note_break()
        self._lease.start()
        self._register_soon()

    async def _serve_all_queues(self) -> None:
        """With `serve_snapshots`, the queues of all versions are ours, too."""
        while True:
            try:
                for queue in await self._ports.fleet.queues():
                    if queue not in self._queues:
                        self._queues.append(queue)
                        self._consumer.add_queue(queue)
            except FlowcraftError as error:
                _log.warning("the queues of other versions could not be listed: %s", error)
            await asyncio.sleep(self._options.sweep_s)

    def _look_at(self, due: float) -> None:
        self._sweeper.look_at(due)

    def _nudge(self) -> None:
        self._consumer.nudge()


async def _failing(ctx: NodeContext, call_next: CallNext) -> Any:
    """Around the attempts of a process that tests let die."""
    failpoint("exec.start")
    result = await call_next(ctx)
    failpoint("exec.done")
    return result
