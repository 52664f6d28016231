"""`flowcraft workers`: who takes part in the fleet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from flowcraft_cli.options import BrokerUrl, Debug, Insecure, Json, Namespace, RedisUrl, settings_of

if TYPE_CHECKING:
    from flowcraft_engine.stores.fleet import FleetMember


def workers_command(
    context: typer.Context,
    redis_url: RedisUrl = None,
    broker_url: BrokerUrl = None,
    namespace: Namespace = None,
    insecure: Insecure = False,
    json: Json = False,
    debug: Debug = False,
) -> int:
    """List the worker processes: since when, how busy, and which blueprints and node types they have."""
    import time

    from flowcraft_cli.execution import run_async
    from flowcraft_cli.output import emit, emit_json, tell
    from flowcraft_engine.assembly import fleet_members

    members = sorted(run_async(fleet_members(settings_of(context))), key=lambda it: it.manifest.started_at)
    if json:
        emit_json({"schema": 1, "workers": [_document(member) for member in members]})
    elif members:
        for line in _table(members, time.time()):
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


def _table(members: list[FleetMember], now: float) -> list[str]:
    from flowcraft_cli.colour import palette_for
    from flowcraft_cli.looks import short_duration
    from flowcraft_cli.text import clip, safe
    from flowcraft_engine.nodes.builtin import builtin_names

    palette, builtin = palette_for("stdout"), set(builtin_names())
    rows = [("name", "pid", "up", "heard", "busy", "blueprints", "node types")]
    for member in members:
        it = member.manifest
        names = (f"{each.id}@{each.version}" if each.version else each.id for each in it.blueprints)
        own = [name for name in it.node_types if name not in builtin]
        heard = f"{short_duration(max(0.0, now - _heartbeat(member)))} ago" if member.is_alive else "dead"
        rows.append(
            (
                safe(it.owner),
                str(it.pid),
                short_duration(max(0.0, now - it.started_at)),
                heard,
                f"{member.busy}/{it.concurrency}",
                clip(safe(", ".join(names)) or "-", 40),
                clip(safe(", ".join([*own, f"{len(it.node_types) - len(own)} built-in"])), 60),
            )
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    return [palette.dim(lines[0]), *lines[1:]]
