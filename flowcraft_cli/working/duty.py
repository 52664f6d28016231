"""From an order to processes at work: what `flowcraft worker` and `flowcraft dev` do alike."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from flowcraft_cli.output import tell
from flowcraft_cli.working.log import say, speak
from flowcraft_cli.working.order import WorkOrder

if TYPE_CHECKING:
    from flowcraft_cli.working.equipment import Equipment
    from flowcraft_engine.check import Check


def equip_for(order: WorkOrder, *, strict: bool) -> Equipment:
    """What this worker can do. Raises `BlueprintError` if no blueprint is left, or with `strict` for each bad one."""
    from flowcraft_cli.working.equipment import equip
    from flowcraft_cli.working.shortcomings import tell_shortcomings
    from flowcraft_cli.working.telemetry import require_telemetry
    from flowcraft_engine.blueprint import BlueprintError

    speak(order.settings)
    require_telemetry(order)
    equipment = equip(order)
    for findings in equipment.broken.values():
        if strict or not equipment.blueprints:
            raise BlueprintError(findings)
    tell_shortcomings(order, equipment)
    return equipment


def wait_for_redis(order: WorkOrder) -> list[Check]:
    """What was found about the servers. Raises `BackendError` for servers that cannot be used."""
    from flowcraft_cli.execution import run_async
    from flowcraft_engine.assembly.servers import examine_redis_patiently, require_usable

    checks = run_async(
        examine_redis_patiently(order.settings, lambda why: say(f"warning: {why}; waiting for it"))
    )
    require_usable(checks)
    return checks


def greet(
    order: WorkOrder,
    equipment: Equipment,
    checks: list[Check],
    *,
    title: str = "flowcraft worker",
    more: Sequence[tuple[str, str]] = (),
) -> None:
    """Say what works here, where, and what somebody should know of it."""
    from flowcraft_cli.colour import palette_for
    from flowcraft_cli.working.banner import banner, facts_of, head_of, warnings_of
    from flowcraft_engine.assembly.servers import redis_addresses

    addresses = [address.masked for address in redis_addresses(order.settings)]
    facts = [*facts_of(order, equipment, checks, addresses), *more]
    if order.settings.log_format == "json":
        say(head_of(order, title), **{name.replace(" ", "_"): text for name, text in facts})
        for line in warnings_of(checks):
            say(line)
        return
    for line in [*banner(order, facts, palette_for("stderr"), title), *warnings_of(checks)]:
        tell(line)


def supervise(order: WorkOrder, *, watched: Sequence[Path] = ()) -> int:
    """Keep the processes going until somebody ends them; the exit code. They start again when `watched` changes."""
    from flowcraft_cli.working.obituary import Obituary
    from flowcraft_cli.working.process import work
    from flowcraft_engine.distributed.file_watch import FileWatch
    from flowcraft_engine.distributed.supervisor import Supervisor

    obituary = Obituary(order.settings)
    supervisor = Supervisor(
        partial(work, order),
        order.worker.processes,
        grace_s=order.worker.grace_s,
        ends_at_hangup=order.is_alone,  # what `dev` does ends with its terminal
        on_death=obituary.tell,
        say=say,
    )
    with ExitStack() as stack:
        if watched:
            stack.enter_context(FileWatch(watched, supervisor.restart))
        code = supervisor.run()
    obituary.finish()
    return code
