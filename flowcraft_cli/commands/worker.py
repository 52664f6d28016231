"""`flowcraft worker`: processes that execute the nodes of runs in Redis."""

from __future__ import annotations

from typing import Annotated

import typer

from flowcraft_cli.options import Verbose, option, settings_of, worker_settings_of
from flowcraft_cli.shared_options import BLUEPRINTS, CONCURRENCY, LOGGING, NODES, SERVER, takes
from flowcraft_cli.working.options import WORK


@takes(WORK, NODES, BLUEPRINTS, CONCURRENCY, SERVER, LOGGING)
def worker_command(
    context: typer.Context,
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="PATH", help="Blueprints that it serves: files, or folders.", show_default=False
        ),
    ] = None,
    strict: Annotated[bool, option("--strict", help="Refuse to start if a blueprint is not valid.")] = False,
    reload: Annotated[
        bool, option("--reload", help="Start again when files change: for development.")
    ] = False,
    verbose: Verbose = False,
) -> int:
    """Execute the nodes of runs that `flowcraft run --distributed` has started, until it is told to end.

    It serves the blueprints in PATH with their versions, and all unversioned ones whose node types it has.
    SIGTERM or Ctrl-C lets running nodes end within --grace, the second one stops at once; SIGHUP starts its
    processes again, one after the other. While Redis is away it waits.
    """
    from pathlib import Path

    from flowcraft_cli.interruption import Interruption
    from flowcraft_cli.working.duty import equip_for, greet, supervise, wait_for_redis
    from flowcraft_cli.working.order import WorkOrder
    from flowcraft_cli.working.served_project import common_project

    given = tuple(map(Path, paths or ()))
    near = common_project(given)
    order = WorkOrder(settings_of(context, near=near), worker_settings_of(context, near=near), given, verbose)
    equipment = equip_for(order, strict=strict)
    try:
        checks = wait_for_redis(order)
    except Interruption:
        return 0  # nothing has begun
    greet(order, equipment, checks)
    return supervise(order, watched=[Path.cwd(), *order.paths, *order.settings.blueprints] if reload else ())
