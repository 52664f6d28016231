"""The result of a run, as Python callers get it and as `--json` prints it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

from flowcraft_engine.frozen import frozen
from flowcraft_engine.values import JsonObject, JsonValue


@frozen
class RunError:
    """Why the run failed: a node that failed and was not rescued. `node` is None for a deadline of the run."""

    node: str | None
    code: str
    message: str
    cause: JsonValue = None
    #: `{"file", "line", "column"}` of the node in its blueprint.
    location: JsonObject | None = None


class NodeRun(NamedTuple):
    """What became of one node instance. Times are seconds since the epoch; `reason` is a sentence.

    A tuple, because a result has one for each of perhaps ten thousand items.
    """

    state: str
    attempts: int
    started_at: float | None
    finished_at: float | None
    output: JsonValue
    action: str | None
    reason: str | None
    error: JsonObject | None = None
    child_run_id: str | None = None

    @property
    def duration_ms(self) -> float | None:
        if self.started_at is None or self.finished_at is None:
            return None
        return round((self.finished_at - self.started_at) * 1000, 3)


@frozen
class WaitingNode:
    """Something that the run waits for: `reason` is `answer`, `timer`, `retry` or `run` (a sub-run).

    `message` and `actions`, those that edges of the node know, are for whoever answers; of a sub-run they are those
    of the one node in it that waits for an answer.
    """

    node: str
    reason: str
    since: float | None
    until: float | None = None
    message: str | None = None
    run_id: str | None = None
    actions: tuple[str, ...] = ()
    #: How many answers a sub-run waits for; it may sleep, too. Not a part of the document.
    asked: int = 1

    def to_json(self) -> JsonObject:
        """Its entry in the document of the run."""
        since, until = iso_time(self.since), iso_time(self.until)
        document = {**asdict(self), "since": since, "until": until, "actions": list(self.actions)}
        del document["asked"]
        return document


@frozen
class RunResult:
    """A run as it stands. `status` is `running waiting paused completed failed cancelled` or `interrupted`."""

    run_id: str
    blueprint_id: str
    version: str | None
    status: str
    outputs: JsonObject
    context: JsonObject
    errors: list[RunError] = field(default_factory=list)
    nodes: Mapping[str, NodeRun] = field(default_factory=dict)
    waiting: list[WaitingNode] = field(default_factory=list)
    created_at: float = 0.0
    finished_at: float | None = None
    inputs: JsonObject = field(default_factory=dict)
    cancel_reason: str | None = None
    #: Counted from 1: every retry or rerun begins another one.
    generation: int = 1

    @property
    def is_final(self) -> bool:
        return self.status in ("completed", "failed", "cancelled")

    def to_json(self) -> dict[str, Any]:
        """The published document, schema 1. Times are ISO 8601, in UTC."""
        return {
            "schema": 1,
            "run_id": self.run_id,
            "blueprint_id": self.blueprint_id,
            "version": self.version,
            "status": self.status,
            "generation": self.generation,
            "created_at": iso_time(self.created_at),
            "finished_at": iso_time(self.finished_at),
            "inputs": self.inputs,
            "outputs": self.outputs,
            "context": self.context,
            "errors": [asdict(error) for error in self.errors],
            "nodes": {name: _node_json(node) for name, node in self.nodes.items()},
            "waiting": [wait.to_json() for wait in self.waiting],
        }


def _node_json(node: NodeRun) -> JsonObject:
    document: JsonObject = {
        "state": node.state,
        "attempts": node.attempts,
        "started_at": iso_time(node.started_at),
        "finished_at": iso_time(node.finished_at),
        "duration_ms": node.duration_ms,
        "output": node.output,
        "action": node.action,
        "reason": node.reason,
    }
    if node.error is not None:
        document["error"] = node.error
    if node.child_run_id is not None:
        document["child_run_id"] = node.child_run_id
    return document


def iso_time(seconds: float | None) -> str | None:
    """`2026-01-31T09:30:00.250Z`."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
