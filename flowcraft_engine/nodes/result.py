"""What a node returns: a result, or one of the suspensions. Nodes never call the runtime."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeAlias

from flowcraft_engine.frozen import frozen


@dataclass(slots=True)
class NodeResult:
    """The output of a node and, for routing, its action. A plain return value means `NodeResult(value)`."""

    output: Any = None
    action: str | None = None


@frozen
class Wait:
    """Suspend until somebody answers (`resume`). Holds no worker.

    `schema` is a JSON Schema for the answer, `timeout_ms` fails the node with `timeout`.
    """

    message: str | None = None
    schema: dict[str, Any] | None = None
    timeout_ms: float | None = None


@frozen
class Sleep:
    """Suspend for `duration_ms`, then complete with `output`. Holds no worker."""

    duration_ms: float
    output: Any = None


@frozen
class StartRun:
    """Suspend until a child run of `blueprint_id`, started with `inputs`, has ended.

    `outputs` maps context keys of this run to nodes or keys of the child; `entry` is the value that the
    child's start nodes receive when no inputs are mapped.
    """

    blueprint_id: str
    inputs: dict[str, Any] | None = None
    outputs: dict[str, str] = field(default_factory=dict)
    entry: Any = None


Suspension: TypeAlias = Wait | Sleep | StartRun
