"""`flowcraft worker`: processes that execute the nodes of runs in Redis."""

from __future__ import annotations

from typing import Annotated

import typer

from flowcraft_cli.options import (
    App,
    Blueprints,
    BrokerUrl,
    Concurrency,
    Debug,
    Insecure,
    LogFormat,
    LogLevel,
    Namespace,
    RedisUrl,
    Traces,
    Verbose,
    option,
    settings_of,
    worker_settings_of,
)


def worker_command(
    context: typer.Context,
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PATH]...", help="Blueprints that it serves: files, or folders.", show_default=False
        ),
    ] = None,
    app: App = None,
    blueprints: Blueprints = None,
    processes: Annotated[
        str | None, option("--processes", metavar="N", help="Worker processes (default 1).")
    ] = None,
    threads: Annotated[
        str | None,
        option("--threads", metavar="N", help="Threads that take jobs, in each process (default 8)."),
    ] = None,
    concurrency: Concurrency = None,
    queues: Annotated[
        list[str] | None,
        option("--queues", metavar="NAME", help="Queues of unversioned runs (default: default)."),
    ] = None,
    redis_url: RedisUrl = None,
    broker_url: BrokerUrl = None,
    namespace: Namespace = None,
    lease: Annotated[
        str | None,
        option("--lease", metavar="DURATION", help="Silent for so long it counts as dead (default 15s)."),
    ] = None,
    retention: Annotated[
        str | None,
        option("--retention", metavar="DURATION", help="Forget runs so long after their end (default 7d)."),
    ] = None,
    grace: Annotated[
        str | None,
        option("--grace", metavar="DURATION", help="How long nodes may go on at the end (default 30s)."),
    ] = None,
    serve_snapshots: Annotated[
        bool,
        option("--serve-snapshots", help="Execute versions that are not on disk, from the run itself."),
    ] = False,
    allow_remote_commands: Annotated[
        bool,
        option(
            "--allow-remote-commands", help="Let blueprints that are not on disk use shell and python nodes."
        ),
    ] = False,
    pass_env: Annotated[
        list[str] | None,
        option("--pass-env", metavar="NAME", help="A variable that shell nodes get; may be repeated."),
    ] = None,
    strict: Annotated[bool, option("--strict", help="Refuse to start if a blueprint is not valid.")] = False,
    reload: Annotated[
        bool, option("--reload", help="Start again when files change: for development.")
    ] = False,
    metrics: Annotated[
        str | None,
        option(
            "--metrics",
            metavar="[HOST:]PORT",
            help="Serve /metrics and /healthz there, on 127.0.0.1 if no host is given;"
            " each further process takes the next port.",
        ),
    ] = None,
    traces: Traces = False,
    log_format: LogFormat = None,
    log_level: LogLevel = None,
    insecure: Insecure = False,
    verbose: Verbose = False,
    debug: Debug = False,
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

    order = WorkOrder(
        settings_of(context), worker_settings_of(context), tuple(map(Path, paths or ())), verbose
    )
    equipment = equip_for(order, strict=strict)
    try:
        checks = wait_for_redis(order)
    except Interruption:
        return 0  # nothing has begun
    greet(order, equipment, checks)
    return supervise(order, watched=[Path.cwd(), *order.paths, *order.settings.blueprints] if reload else ())
