"""What a worker says when it starts: where it works, what it can execute, what Redis promises."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from flowcraft_cli.colour import Palette
from flowcraft_cli.screen import folded
from flowcraft_cli.text import clip, safe
from flowcraft_cli.working.equipment import Equipment
from flowcraft_cli.working.order import WorkOrder
from flowcraft_engine.blueprint.fixed_names import versioned_name
from flowcraft_engine.check import Check, CheckStatus

if TYPE_CHECKING:
    from flowcraft_engine.blueprint import Blueprint

_MOST_SHOWN = 12
#: Where the facts begin, after their names.
_COLUMN = 14


def banner(order: WorkOrder, facts: Sequence[tuple[str, str]], palette: Palette, title: str) -> list[str]:
    """The lines of the banner."""
    rows = []
    for name, text in facts:
        first, *rest = folded(safe(text), _COLUMN, "stderr")
        rows.append(f"  {palette.dim(name.ljust(_COLUMN - 4))}  {first}")
        rows += [" " * _COLUMN + line for line in rest]
    return [palette.bold(head_of(order, title)), *rows]


def head_of(order: WorkOrder, title: str) -> str:
    """Its first line."""
    processes = order.worker.processes
    words = "1 process" if processes == 1 else f"{processes} processes"
    return f"{title} on {socket.gethostname()}: {words}, {order.settings.concurrency} nodes at a time each"


def facts_of(
    order: WorkOrder, equipment: Equipment, checks: Sequence[Check], addresses: Sequence[str]
) -> list[tuple[str, str]]:
    """What there is to say, by name. `addresses`: of the runs and of the queue, without passwords."""
    runs, queue = addresses
    rows = [
        ("redis", f"{runs} (queue: {queue})"),
        ("durability", _durability(checks)),
        ("queues", _queues(order, equipment)),
        ("blueprints", _listed(_names(equipment.blueprints)) or "none: runs bring theirs along"),
        ("node types", _node_types(equipment)),
    ]
    if equipment.missing and not order.is_alone:
        what_to_do = "other workers have to execute these, or name the module that has them: --app"
        rows.append(("not here", f"{_listed(equipment.missing)}: {what_to_do}"))
    if order.worker.serve_snapshots:
        rows.append(("snapshots", "versions that are not on disk are taken from their runs"))
    if order.worker.allow_remote_commands:
        rows.append(("commands", "blueprints that are not on disk may run commands here"))
    if order.worker.metrics is not None:
        rows.append(("metrics", _metrics(*order.worker.metrics)))
    if order.settings.traces:
        rows.append(("traces", "every run and attempt is told to OpenTelemetry"))
    return rows


def warnings_of(checks: Iterable[Check]) -> list[str]:
    """What somebody should know although it works."""
    return [
        f"warning: {check.found}" + (f"; {check.advice}" if check.advice else "")
        for check in checks
        if check.status is CheckStatus.WARN and check.name != "durability"
    ]


def _durability(checks: Sequence[Check]) -> str:
    return next((check.found for check in checks if check.name == "durability"), "not known")


def _metrics(host: str, port: int) -> str:
    is_local = host == "localhost" or host == "::1" or host.startswith("127.")
    reach = "" if is_local else "; whoever reaches this machine can read them"
    return f"from port {port} of {host} on{reach}" if port else f"on free ports of {host}{reach}"


def _queues(order: WorkOrder, equipment: Equipment) -> str:
    versioned = _names(it for it in equipment.blueprints if it.version)
    return _listed([*(order.worker.queues or ("default",)), *versioned])


def _node_types(equipment: Equipment) -> str:
    from flowcraft_engine.nodes.builtin import builtin_names

    builtin = set(builtin_names())
    own = [name for name in equipment.registry.names() if name not in builtin]
    return f"{_listed(own)}{' and ' if own else ''}{len(builtin)} built-in ones"


def _names(blueprints: Iterable[Blueprint]) -> list[str]:
    return [versioned_name(it.id, it.version) for it in blueprints]


def _listed(names: Iterable[str]) -> str:
    every = list(names)
    rest = f" and {len(every) - _MOST_SHOWN} more" if len(every) > _MOST_SHOWN else ""
    return clip(", ".join(every[:_MOST_SHOWN]), 400) + rest
