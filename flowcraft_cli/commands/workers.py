"""`flowcraft workers`: who takes part in the fleet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from flowcraft_cli.options import Json, settings_of
from flowcraft_cli.shared_options import SERVER, takes

if TYPE_CHECKING:
    from flowcraft_engine.stores.fleet import FleetMember

#: Columns that are always whole; those after them are cut.
_FIXED = 5
_WIDEST_BLUEPRINTS, _WIDEST_TYPES, _NARROWEST = 40, 60, 8
#: Where there is no screen.
_ELSEWHERE = 200


@takes(SERVER)
def workers_command(
    context: typer.Context,
    json: Json = False,
) -> int:
    """List the worker processes: since when, how busy, and which blueprints and node types they have."""
    import time

    from flowcraft_cli.execution import run_async
    from flowcraft_cli.output import emit, emit_json, tell
    from flowcraft_cli.screen import width_of_screen
    from flowcraft_engine.assembly.fleet import fleet_members

    members = sorted(run_async(fleet_members(settings_of(context))), key=lambda it: it.manifest.started_at)
    if json:
        emit_json({"schema": 1, "workers": [_document(member) for member in members]})
    elif members:
        for line in _table(members, time.time(), width_of_screen(_ELSEWHERE)):
            emit(line)
    else:
        tell("no worker is online: flowcraft worker PATH starts one")
    return 0


def _document(member: FleetMember) -> dict[str, Any]:
    from flowcraft_engine.history.run_result import iso_time

    it = member.manifest
    return {
        "name": it.owner,
        "host": it.host,
        "pid": it.pid,
        "alive": member.is_alive,
        "since": iso_time(it.started_at),
        "heartbeat": iso_time(_heartbeat(member)),
        "busy": member.busy,
        "concurrency": it.concurrency,
        "queues": list(it.queues),
        "blueprints": [
            {"id": each.id, "version": each.version, "digest": each.digest} for each in it.blueprints
        ],
        "node_types": list(it.node_types),
        "serves_snapshots": it.serves_snapshots,
        "allows_remote_commands": it.allows_remote_commands,
    }


def _heartbeat(member: FleetMember) -> float:
    """When the lease was renewed last."""
    return member.lease_until - member.manifest.lease_s


def _table(members: list[FleetMember], now: float, width: int) -> list[str]:
    """A line for each process; what it serves in the room that the screen has left, if that is worth it."""
    from flowcraft_cli.colour import palette_for
    from flowcraft_cli.text import clip

    rows: list[tuple[str, ...]] = [("name", "pid", "up", "heard", "busy", "blueprints", "node types")]
    rows += [_row(member, now) for member in members]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    left = width - sum(widths[:_FIXED]) - 2 * (_FIXED - 1)
    for column, most in ((5, _WIDEST_BLUEPRINTS), (6, _WIDEST_TYPES)):
        room = min(widths[column], most, left - 2)
        widths[column] = room if room >= min(widths[column], _NARROWEST) else 0
        left -= widths[column] + 2 if widths[column] else 0
    lines = [
        "  ".join(
            clip(text, room).ljust(room) for text, room in zip(row, widths, strict=True) if room
        ).rstrip()
        for row in rows
    ]
    return [palette_for("stdout").dim(lines[0]), *lines[1:]]


def _row(member: FleetMember, now: float) -> tuple[str, ...]:
    from flowcraft_cli.looks import short_duration
    from flowcraft_cli.text import safe
    from flowcraft_engine.blueprint.fixed_names import versioned_name
    from flowcraft_engine.nodes.builtin import builtin_names

    it, builtin = member.manifest, set(builtin_names())
    names = (versioned_name(each.id, each.version) for each in it.blueprints)
    own = [name for name in it.node_types if name not in builtin]
    heard = f"{short_duration(max(0.0, now - _heartbeat(member)))} ago" if member.is_alive else "dead"
    return (
        safe(it.owner),
        str(it.pid),
        short_duration(max(0.0, now - it.started_at)),
        heard,
        f"{member.busy}/{it.concurrency}",
        safe(", ".join(names)) or "-",
        safe(", ".join([*own, f"{len(it.node_types) - len(own)} built-in"])),
    )
