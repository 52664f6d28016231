"""`flowcraft worker`: processes that execute the nodes of runs in Redis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

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

if TYPE_CHECKING:
    from flowcraft_cli.working.equipment import Equipment
    from flowcraft_cli.working.order import WorkOrder
    from flowcraft_engine.check import Check


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
    from flowcraft_cli.working.log import speak
    from flowcraft_cli.working.order import WorkOrder
    from flowcraft_cli.working.telemetry import require_telemetry

    order = WorkOrder(
        settings_of(context), worker_settings_of(context), tuple(map(Path, paths or ())), verbose
    )
    speak(order.settings)
    require_telemetry(order)
    equipment = _equip(order, strict=strict)
    try:
        checks = _wait_for_redis(order)
    except Interruption:
        return 0  # nothing has begun
    _greet(order, equipment, checks)
    return _supervise(order, reload=reload)


def _equip(order: WorkOrder, *, strict: bool) -> Equipment:
    """What this worker can do. Raises `BlueprintError` if no blueprint is left, or with `strict` for each bad one."""
    from flowcraft_cli.findings import tell_findings
    from flowcraft_cli.output import tell
    from flowcraft_cli.working.equipment import equip
    from flowcraft_engine.blueprint import BlueprintError

    equipment = equip(order)
    for path, findings in equipment.broken.items():
        if strict or not equipment.blueprints:
            raise BlueprintError(findings)
        tell_findings(findings)
        tell(f"warning: {path} is not served; --strict refuses to start with it")
    return equipment


def _wait_for_redis(order: WorkOrder) -> list[Check]:
    """What was found about the servers. Raises `BackendError` for servers that cannot be used."""
    from flowcraft_cli.execution import run_async
    from flowcraft_cli.working.log import say
    from flowcraft_engine.assembly import examine_redis_patiently, require_usable

    checks = run_async(
        examine_redis_patiently(order.settings, lambda why: say(f"warning: {why}; waiting for it"))
    )
    require_usable(checks)
    return checks


def _greet(order: WorkOrder, equipment: Equipment, checks: list[Check]) -> None:
    from flowcraft_cli.colour import palette_for
    from flowcraft_cli.output import tell
    from flowcraft_cli.working.banner import banner, facts_of, head_of, warnings_of
    from flowcraft_cli.working.log import say
    from flowcraft_engine.assembly import redis_addresses

    addresses = [address.masked for address in redis_addresses(order.settings)]
    facts = facts_of(order, equipment, checks, addresses)
    if order.settings.log_format == "json":
        say(head_of(order), **{name.replace(" ", "_"): text for name, text in facts})
        for line in warnings_of(checks):
            say(line)
        return
    for line in [*banner(order, facts, palette_for("stderr")), *warnings_of(checks)]:
        tell(line)


def _supervise(order: WorkOrder, *, reload: bool) -> int:
    from contextlib import ExitStack
    from functools import partial
    from pathlib import Path

    from flowcraft_cli.working.log import say
    from flowcraft_cli.working.obituary import tell_fleet
    from flowcraft_cli.working.process import work
    from flowcraft_engine.distributed.file_watch import FileWatch
    from flowcraft_engine.distributed.supervisor import Supervisor

    supervisor = Supervisor(
        partial(work, order),
        order.worker.processes,
        grace_s=order.worker.grace_s,
        on_death=partial(tell_fleet, order.settings),
        say=say,
    )
    with ExitStack() as stack:
        if reload:
            watched = [Path.cwd(), *order.paths, *order.settings.blueprints]
            stack.enter_context(FileWatch(watched, supervisor.restart))
        return supervisor.run()
