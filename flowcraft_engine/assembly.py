"""The only place that wires concrete parts together: settings → registry, blueprints, store, runtime.

Every function imports what it needs when it is called, so that a command pays for what it uses only.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flowcraft_engine.errors import BackendError, NotFoundError
from flowcraft_engine.settings import Settings

if TYPE_CHECKING:
    from flowcraft_engine.backends.redis.address import RedisAddress
    from flowcraft_engine.blueprint.finding import Finding
    from flowcraft_engine.blueprint.model import Blueprint
    from flowcraft_engine.check import Check
    from flowcraft_engine.distributed.adapter import BaseDistributedAdapter
    from flowcraft_engine.distributed.observer import WorkObserver
    from flowcraft_engine.nodes.handler import Middleware
    from flowcraft_engine.nodes.registry import NodeRegistry
    from flowcraft_engine.runtime.flow_runtime import FlowRuntime
    from flowcraft_engine.settings.worker import WorkerSettings
    from flowcraft_engine.stores.coordination_store import CoordinationStore
    from flowcraft_engine.stores.fleet import FleetMember
    from flowcraft_engine.stores.fleet_sizes import FleetSizes

OnProgress = Callable[[str, str, float, float], None]
_SUBFLOW = "subflow"
_COMPLETED_AMONG = 300
_AWAY_PAUSE_S = 0.5
_SHELL_VARIABLES = ("PATH", "HOME", "LANG", "TZ", "TMPDIR")
_DEFAULT_REDIS_URL = "redis://127.0.0.1:6379/0"
_IGNORE_FILE = "# Runs that flowcraft keeps.\n*\n"


def make_registry(settings: Settings, *, shell_environment: Mapping[str, str] | None = None) -> NodeRegistry:
    """All node types that the user named, and the built-in ones. Imports the named modules.

    `shell_environment` is all that commands get (None: the environment of this process).
    """
    from flowcraft_engine.nodes.builtin import BuiltinSettings
    from flowcraft_engine.nodes.discovery import discover

    # Without names of its own, `discover` takes the project file's, and looks in that file's folder first.
    from_project = settings.sources.get("app", "").endswith(": app")
    apps = () if from_project else settings.apps
    builtin = BuiltinSettings(shell_environment=shell_environment, http_allow=settings.http_allow)
    return discover(apps, project=settings.project, builtin_settings=builtin)


def check_file(
    path: str | Path, settings: Settings, registry: NodeRegistry
) -> tuple[Blueprint | None, list[Finding]]:
    """The blueprint of a file (`-`: stdin), None if something is an error; and all that was found."""
    from flowcraft_engine.blueprint import check_blueprint_file

    return check_blueprint_file(path, catalog=registry, search=settings.blueprints)


def child_blueprints(blueprint: Blueprint, path: str, settings: Settings) -> list[Blueprint]:
    """The blueprints that sub-runs may use; nothing is read for a blueprint without subflows."""
    if not any(node.uses == _SUBFLOW for node in blueprint.nodes):
        return []
    from flowcraft_engine.blueprint import find_blueprints

    own = [] if path == "-" else [Path(path).absolute().parent]
    found, _ = find_blueprints([*settings.blueprints, *own])
    return [child for child in found.values() if child.id != blueprint.id]


def open_store(settings: Settings) -> CoordinationStore:
    """The store of runs, made if it is not there. Raises `BackendError` when it cannot be."""
    if settings.state is None:
        from flowcraft_engine.stores.memory_store import MemoryStore

        return MemoryStore()
    _prepare_folder(settings.state)
    return _sqlite(settings.state)


def open_existing_store(settings: Settings) -> CoordinationStore | None:
    """The store of runs; None if nothing was ever stored there. Makes no file."""
    if settings.state is None or not settings.state.exists():
        return None
    return _sqlite(settings.state)


async def open_run_file(path: Path) -> tuple[CoordinationStore, str]:
    """A store over a run file, which is written when it is closed, and the id of its run."""
    from flowcraft_engine.backends.run_file.store import RunFileStore

    store = await RunFileStore.open(path)
    return store, store.run_id


async def export_run(store: CoordinationStore, run_id: str, path: Path, *, logs: bool) -> int:
    """Write a run with its sub-runs to a file; how many runs there are in it."""
    from flowcraft_engine.backends.run_file.format import write_run_file
    from flowcraft_engine.stores.bundle import collect

    bundle = await collect(store, run_id, logs=logs)
    write_run_file(path, bundle)
    return len(bundle.runs)


async def import_run(store: CoordinationStore, path: Path) -> tuple[str, int]:
    """Put the run of a file into a store: its id, and how much of its history was new there."""
    from flowcraft_engine.backends.run_file.format import read_run_file
    from flowcraft_engine.stores.bundle import restore

    bundle, _ = read_run_file(path)
    return bundle.run_id, await restore(store, bundle)


def runs_beginning_with(
    settings: Settings, prefix: str, *, limit: int, within_s: float
) -> list[tuple[str, str, str]]:
    """Id, blueprint and status of the newest kept runs whose id begins with `prefix`; for shell completion."""
    if is_distributed(settings):
        return _shared_runs_beginning_with(settings, prefix, limit=limit, within_s=within_s)
    if settings.state is None or not settings.state.exists():
        return []
    from flowcraft_engine.backends.sqlite import run_index

    return run_index.runs_beginning_with(settings.state, prefix, limit=limit, within_s=within_s)


def _shared_runs_beginning_with(
    settings: Settings, prefix: str, *, limit: int, within_s: float
) -> list[tuple[str, str, str]]:
    """The same for runs in Redis, among the newest few hundred."""
    import asyncio

    async def look() -> list[tuple[str, str, str]]:
        async with make_fleet(settings) as fleet:
            runs = await fleet.client.store.list_runs(limit=_COMPLETED_AMONG)
        found = [run for run in runs if run.parent_run_id is None and run.run_id.startswith(prefix)]
        return [(run.run_id, run.blueprint_id, run.status) for run in found[:limit]]

    return asyncio.run(asyncio.wait_for(look(), within_s))


def no_runs_yet(settings: Settings, run_id: str) -> NotFoundError:
    """What to raise about a run when there is no state file."""
    where = "in memory" if settings.state is None else f"in {_shown(settings.state)}"
    return NotFoundError(
        f"there is no run {run_id!r}: no runs are kept {where}",
        hint="runs are looked for in .flowcraft/state.db of the project, in --state FILE,"
        " or in Redis with --backend redis",
    )


def make_runtime(
    settings: Settings,
    registry: NodeRegistry,
    store: CoordinationStore,
    *,
    blueprints: Iterable[Blueprint] = (),
    on_progress: OnProgress | None = None,
) -> FlowRuntime:
    from flowcraft_engine.runtime.flow_runtime import FlowRuntime

    return FlowRuntime(
        registry=registry,
        blueprints=blueprints,
        concurrency=settings.concurrency,
        store=store,
        on_progress=on_progress,
        secret_providers=settings.secrets,
        middleware=make_middleware(settings),
    )


def make_middleware(settings: Settings) -> tuple[Middleware, ...]:
    """What every attempt goes through. Raises `UsageError` if something that is wanted is not installed."""
    if not settings.traces:
        return ()
    from flowcraft_engine.telemetry.wanted import node_tracing

    return (node_tracing(),)


async def fleet_sizes(worker: BaseDistributedAdapter) -> FleetSizes:
    """How many runs there are, and how much waits in the queues of this worker."""
    from flowcraft_engine.backends.redis.sizes import count_runs
    from flowcraft_engine.stores.fleet_sizes import FleetSizes

    ports = worker.ports
    queues = {queue: await ports.queue.depth(queue) for queue in worker.queues}
    return FleetSizes(await count_runs(ports.store), queues)  # type: ignore[arg-type]  # this fleet is on Redis


def is_distributed(settings: Settings) -> bool:
    """Whether runs are looked for in Redis: `backend` says so, or only --redis-url was given."""
    if "backend" in settings.sources:
        return settings.backend == "redis"
    return settings.sources.get("redis_url") == "--redis-url"


def make_fleet(settings: Settings, *, blueprints: Iterable[Blueprint] = ()) -> BaseDistributedAdapter:
    """A client of the fleet, not yet connected. Raises `UsageError` for addresses that are wrong or unsafe."""
    return _adapter(settings, blueprints=blueprints)


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


def shell_environment(worker: WorkerSettings, environment: Mapping[str, str]) -> dict[str, str]:
    """What `shell` nodes get of a worker's environment: what every program needs, and what was named."""
    names = (*_SHELL_VARIABLES, *worker.pass_env)
    return {name: environment[name] for name in names if name in environment}


async def declare_dead(settings: Settings, owner: str) -> None:
    """Let others take over at once what a worker executed whose process is known to have ended."""
    async with make_fleet(settings) as fleet:
        await fleet.client.fleet.declare_dead(owner)


def require_usable(checks: Iterable[Check]) -> None:
    """Raises `BackendError` for the first of the checks of Redis that failed."""
    from flowcraft_engine.backends.redis.examination import require_usable

    require_usable(checks)


def masked_url(url: str) -> str:
    """A Redis URL as it may be shown."""
    from flowcraft_engine.backends.redis.address import RedisAddress

    return RedisAddress.parse(url).masked


def _adapter(settings: Settings, **more: Any) -> BaseDistributedAdapter:
    from flowcraft_engine.backends.dramatiq.adapter import DramatiqRedisAdapter

    state, broker = redis_addresses(settings)
    return DramatiqRedisAdapter(
        state.url,
        broker_url=broker.url,
        namespace=settings.namespace,
        insecure=settings.insecure,
        secret_providers=settings.secrets,
        **more,
    )


def redis_addresses(settings: Settings) -> tuple[RedisAddress, RedisAddress]:
    """Where the runs and the queue are in Redis: what the settings name, else what `flowcraft dev` runs here,
    else this machine's usual port.

    Raises `UsageError` for a URL that is none, and for a server on the network that asks for no password.
    """
    state, broker = _addresses(settings)
    for address in (state, broker):
        address.require_safe(insecure=settings.insecure)
    return state, broker


def is_redis_configured(settings: Settings) -> bool:
    """Whether somebody asked for Redis, or `flowcraft dev` runs for this project."""
    from flowcraft_engine.backends.redis.server_lock import running_server

    is_named = settings.backend == "redis" or settings.redis_url or settings.broker_url
    return bool(is_named) or running_server(_embedded_data(settings)) is not None


async def examine_redis(settings: Settings) -> list[Check]:
    """What was found about the servers of `settings`, the unsafe ones too. Raises `BackendError`, `UsageError`."""
    from flowcraft_engine.backends.redis.examination import examine

    state, broker = _addresses(settings)
    return await examine(state, broker, insecure=settings.insecure)


async def examine_redis_patiently(settings: Settings, on_away: Callable[[str], None]) -> list[Check]:
    """`examine_redis`, as soon as the servers answer; `on_away` is told once why they do not yet."""
    import asyncio

    from flowcraft_engine.backends.redis.connection import RedisAwayError

    was_told = False
    while True:
        try:
            return await examine_redis(settings)
        except RedisAwayError as error:
            if not was_told:
                on_away(error.message)
            was_told = True
            await asyncio.sleep(_AWAY_PAUSE_S)


async def fleet_members(settings: Settings) -> list[FleetMember]:
    """The workers that have registered in Redis, the dead ones too. Raises `BackendError`, `UsageError`."""
    from flowcraft_engine.backends.redis.fleet import RedisFleet
    from flowcraft_engine.backends.redis.link import Link
    from flowcraft_engine.backends.redis.store import RedisCoordinationStore

    state, _ = redis_addresses(settings)
    link = Link(state)
    try:
        return await RedisFleet(RedisCoordinationStore(link, namespace=settings.namespace)).members()
    finally:
        await link.close()


def examine_state(settings: Settings) -> list[Check]:
    """What was found about the state file. Makes no file."""
    from flowcraft_engine.backends.sqlite.examination import examine

    return examine(settings.state)


@dataclass(frozen=True, slots=True)
class DevRedis:
    """The server of a project: `settings` has everything on it. `is_attached`: somebody else will end it."""

    settings: Settings
    data: Path
    is_attached: bool


@contextlib.contextmanager
def dev_redis(settings: Settings) -> Iterator[DevRedis]:
    """The server of this project, which other commands find by themselves; started, unless it runs already.

    Its data outlives it. Raises `BackendError` if there is no program, or it does not start.
    """
    import secrets

    from flowcraft_engine.backends.redis.embedded import EmbeddedRedis

    data = _embedded_data(settings)
    _prepare_folder(data)
    with EmbeddedRedis.start(data, persistent=True, password=secrets.token_urlsafe(24)) as server:
        on_it = replace(settings, backend="redis", redis_url=server.address.url, broker_url=None)
        yield DevRedis(on_it, data, server.is_attached)


def _addresses(settings: Settings) -> tuple[RedisAddress, RedisAddress]:
    from flowcraft_engine.backends.redis.address import RedisAddress, broker_address
    from flowcraft_engine.backends.redis.server_lock import running_server

    if settings.redis_url is not None:
        source = settings.sources.get("redis_url", "--redis-url")
        state = RedisAddress.parse(settings.redis_url, source=source)
    else:
        state = running_server(_embedded_data(settings)) or RedisAddress.parse(_DEFAULT_REDIS_URL)
    source = settings.sources.get("broker_url", "--broker-url")
    return state, broker_address(state, settings.broker_url, source=source)


def _embedded_data(settings: Settings) -> Path:
    """The data of the server that `flowcraft dev` runs for this project."""
    return settings.project_state / "redis"


def options_to_remember(settings: Settings) -> dict[str, Any]:
    """What another process needs to go on with a run of these settings."""
    project = settings.project
    return {
        "app": list(settings.apps),
        "folders": [str(Path.cwd()), *([str(project.folder)] if project else [])],
        "http_allow": list(settings.http_allow),
    }


def settings_for_run(settings: Settings, remembered: Mapping[str, Any]) -> Settings:
    """`settings`, with what was remembered where nothing is said now."""
    from flowcraft_engine.nodes.module_import import add_import_folders

    add_import_folders(Path(folder) for folder in remembered.get("folders", ()) if Path(folder).is_dir())
    if settings.apps or not remembered.get("app"):
        return settings
    return replace(
        settings,
        apps=tuple(remembered["app"]),
        http_allow=settings.http_allow or tuple(remembered.get("http_allow", ())),
    )


def _sqlite(path: Path) -> CoordinationStore:
    from flowcraft_engine.backends.sqlite import SqliteStore

    return SqliteStore(path)


def _prepare_folder(state: Path) -> None:
    """Our own folder is for its owner only and stays out of version control."""
    folder = state.parent
    if folder.name != ".flowcraft":
        return
    with _disk_errors(state):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        ignore = folder / ".gitignore"
        with contextlib.suppress(FileExistsError):
            descriptor = os.open(ignore, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            with os.fdopen(descriptor, "w") as file:
                file.write(_IGNORE_FILE)


@contextlib.contextmanager
def _disk_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BackendError(
            f"runs cannot be kept in {_shown(path)}: {error.strerror or error}",
            hint="name another file with --state FILE, or keep the run in memory: --state memory",
        ) from error


def _shown(path: Path) -> str:
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
