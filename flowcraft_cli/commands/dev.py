"""`flowcraft dev`: a fleet on one machine, with a Redis of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from flowcraft_cli.options import Verbose, option, settings_of, worker_settings_of
from flowcraft_cli.shared_options import BLUEPRINTS, CONCURRENCY, NODES, takes

if TYPE_CHECKING:
    from pathlib import Path

    from flowcraft_cli.working.order import WorkOrder
    from flowcraft_engine.assembly.dev import DevRedis
    from flowcraft_engine.settings import Settings
    from flowcraft_engine.settings.worker import WorkerSettings

#: Somebody waits for the reload.
_GRACE_S = 5.0


@takes(NODES, BLUEPRINTS, CONCURRENCY)
def dev_command(
    context: typer.Context,
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PATH",
            help="Blueprints to check and to watch: files, or folders.",
            show_default=False,
        ),
    ] = None,
    threads: Annotated[
        str | None, option("--threads", metavar="N", help="Jobs being claimed at a time (default 8).")
    ] = None,
    grace: Annotated[
        str | None,
        option("--grace", metavar="DURATION", help="How long nodes may go on at a reload (default 5s)."),
    ] = None,
    pass_env: Annotated[
        list[str] | None,
        option("--pass-env", metavar="NAME", help="A variable that shell nodes get; may be repeated."),
    ] = None,
    verbose: Verbose = False,
) -> int:
    """Run a fleet on this machine: a Redis of this project and one worker, which starts again when files change.

    In another terminal: flowcraft run FILE --distributed. Commands in this project find the server by themselves. It
    keeps its data in .flowcraft/redis, so that Ctrl-C ends everything and the next start goes on with what is left.
    """
    from pathlib import Path

    from flowcraft_cli.interruption import Interruption
    from flowcraft_cli.working.log import say
    from flowcraft_cli.working.served_project import common_project
    from flowcraft_engine.assembly.dev import dev_redis

    given = tuple(map(Path, paths or ()))
    near = common_project(given)
    settings, worker = settings_of(context, near=near), worker_settings_of(context, near=near)
    try:
        with dev_redis(settings, say) as server:
            return _work(settings, server, _order(worker, server, given, verbose=verbose))
    except Interruption:
        return 0  # before the worker was there, or while the server was ending


def _order(worker: WorkerSettings, server: DevRedis, paths: tuple[Path, ...], *, verbose: bool) -> WorkOrder:
    """One process that executes whatever is started here: the server listens to this user only."""
    from dataclasses import replace

    from flowcraft_cli.working.order import WorkOrder

    grace_s = worker.grace_s if "grace" in worker.sources else _GRACE_S
    alone = replace(
        worker, processes=1, queues=(), grace_s=grace_s, serve_snapshots=True, allow_remote_commands=True
    )
    return WorkOrder(server.settings, alone, paths, verbose, is_alone=True)


def _work(settings: Settings, server: DevRedis, order: WorkOrder) -> int:
    from pathlib import Path

    from flowcraft_cli.output import tell
    from flowcraft_cli.working.duty import equip_for, greet, supervise, wait_for_redis

    equipment = equip_for(order, strict=False)
    greet(order, equipment, wait_for_redis(order), title="flowcraft dev", more=_how_to_go_on(server))
    for line in _warnings(settings, server):
        tell(line)
    watched = dict.fromkeys([settings.root, Path.cwd(), *order.paths, *settings.blueprints])
    return supervise(order, watched=[path.resolve() for path in watched])


def _how_to_go_on(server: DevRedis) -> list[tuple[str, str]]:
    from os.path import relpath

    return [
        ("data", relpath(server.data)),
        ("try it", "in another terminal: flowcraft run FILE --distributed"),
        (
            "look",
            "flowcraft list --backend redis; show, logs, why and the others find its runs by themselves",
        ),
        ("end it", "Ctrl-C; what is not done goes on with the next flowcraft dev"),
    ]


def _warnings(settings: Settings, server: DevRedis) -> list[str]:
    found = []
    if server.is_attached:
        found.append("another flowcraft dev runs for this project; this one uses its Redis, until that ends")
    if settings.redis_url is not None:
        source = settings.sources.get("redis_url", "REDIS_URL")
        found.append(f"{source} names another Redis, which commands in other terminals will use")
    return [f"warning: {words}" for words in found]
