"""The state of one run: what the fold of its events gives. Changed by `fold.py` only."""

from __future__ import annotations

from typing import Any, Final

from flowcraft_engine.kernel.naming import Path
from flowcraft_engine.values import JsonObject, JsonValue

# States of a node instance. Plain text, not an enum: they are compared and written at every step.
PENDING: Final = "pending"
READY: Final = "ready"
RUNNING: Final = "running"
RETRYING: Final = "retrying"
WAITING: Final = "waiting"
COMPLETED: Final = "completed"
FAILED: Final = "failed"
POISONED: Final = "poisoned"
CANCELLED: Final = "cancelled"
SKIPPED: Final = "skipped"

TERMINAL_STATES: Final = frozenset({COMPLETED, FAILED, POISONED, CANCELLED, SKIPPED})
#: States that resolve a node's edges as failed.
FAILURE_STATES: Final = frozenset({FAILED, POISONED, CANCELLED})

# What a waiting instance waits for.
ANSWER: Final = "answer"
TIMER: Final = "timer"
CHILD: Final = "run"
ITEMS: Final = "items"
BODY: Final = "body"

# How an edge instance ended, where it was not taken; a taken one is the index of the edge, from 0.
DEAD: Final = -1
FAILED_EDGE: Final = -2


class Batch:
    """The items of a `for_each` node that is under way."""

    __slots__ = ("active", "again", "cursor", "failed", "items")

    def __init__(self, items: list[JsonValue]) -> None:
        self.items = items
        #: Items before this index have been made ready, or given up.
        self.cursor = 0
        self.active = 0
        self.failed = False
        #: Items before the cursor that a retry has yet to make ready.
        self.again: list[int] = []


class Instance:
    """One node instance. `arrivals` has a predecessor once, however often its edge is told."""

    __slots__ = (
        "action",
        "answer",
        "arrivals",
        "attempt",
        "back",
        "batch",
        "body_open",
        "carry",
        "crashes",
        "due",
        "error",
        "failed_by",
        "finished_at",
        "index",
        "iteration",
        "name",
        "node_id",
        "nonce",
        "output",
        "owner",
        "path",
        "reason",
        "rescuer",
        "resumption",
        "started_at",
        "state",
        "taken",
        "values",
        "wait",
        "waiting_since",
        "winner",
    )

    def __init__(self, name: str, node_id: str, path: Path, index: int | None = None) -> None:
        self.name = name
        self.node_id = node_id
        self.path = path
        self.index = index
        self.state = PENDING
        self.attempt = 0
        self.crashes = 0
        self.nonce: str | None = None
        self.owner: str | None = None
        #: Predecessor → index of its first taken edge, `DEAD` or `FAILED_EDGE`.
        self.arrivals: dict[str, int] | None = None
        #: Predecessor → what the transform of its edge made.
        self.values: dict[str, JsonValue] | None = None
        self.taken = 0
        self.winner: str | None = None
        self.failed_by: str | None = None
        self.output: JsonValue = None
        self.action: str | None = None
        self.error: JsonObject | None = None
        self.reason: Any = None
        #: When a retry, a sleep or the timeout of a wait is due.
        self.due: float | None = None
        self.wait: JsonObject | None = None
        self.waiting_since: float | None = None
        #: What a suspended instance goes on with: `{"kind": ...}`.
        self.resumption: JsonObject | None = None
        self.answer: JsonObject | None = None
        self.carry: JsonValue = None
        self.rescuer: str | None = None
        self.started_at: float | None = None
        self.finished_at: float | None = None
        # Loop controllers: the pass under way, its open body instances, and what came back from its end node. The
        # end node of a pass keeps what it gave back, too.
        self.iteration = 0
        self.body_open = 0
        self.back: tuple[int, Any] | None = None
        self.batch: Batch | None = None

    @property
    def has_started(self) -> bool:
        return self.started_at is not None

    @property
    def is_terminal(self) -> bool:
        return self.state in TERMINAL_STATES


class RunState:
    """Everything that is known of a run."""

    __slots__ = (
        "ahead_of",
        "begun_in",
        "blueprint_id",
        "cancel_reason",
        "context",
        "context_size",
        "created_at",
        "deadline",
        "digest",
        "early",
        "end_output",
        "entry",
        "error",
        "finished_at",
        "generation",
        "inputs",
        "instances",
        "key_base",
        "moving",
        "open",
        "parent",
        "paused_at",
        "pins",
        "renewed_in",
        "run_id",
        "seq",
        "status",
        "touched",
        "tripped",
        "version",
        "waiting",
    )

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        self.blueprint_id = ""
        self.version: str | None = None
        self.digest = ""
        self.pins: dict[str, str] = {}
        self.status = "running"
        self.inputs: JsonObject = {}
        self.entry: JsonValue = None
        self.key_base = run_id
        self.parent: tuple[str, str] | None = None
        self.created_at = 0.0
        self.finished_at: float | None = None
        self.deadline: float | None = None
        self.context: JsonObject = {}
        #: About how many characters of JSON the context is.
        self.context_size = 0
        self.instances: dict[str, Instance] = {}
        #: Instances that have not ended, those that do not exist yet included.
        self.open = 0
        #: Instances that are ready, running or retrying.
        self.moving = 0
        self.waiting: dict[str, Instance] = {}
        self.early: dict[str, JsonObject] = {}
        #: True once `fail_fast` has stopped the run's other branches.
        self.tripped = False
        self.cancel_reason: str | None = None
        self.paused_at: float | None = None
        #: Counted from 1: a retry or a rerun begins another one.
        self.generation = 1
        #: Of a sub-run: the generation of the run above that this one was begun for, before that was; 0 for none.
        self.ahead_of = 0
        #: Of instances that a retry or a rerun has touched: the generation in which they began, and the one of the
        #: rerun that gave them new idempotency keys.
        self.begun_in: dict[str, int] = {}
        self.renewed_in: dict[str, int] = {}
        self.end_output: JsonObject | None = None
        self.error: JsonObject | None = None
        #: Number of events folded so far.
        self.seq = 0
        #: Instances with new arrivals, for the transition under way; empty between transitions.
        self.touched: list[Instance] = []

    @property
    def is_final(self) -> bool:
        return self.status != "running"

    def is_ready(self, name: str) -> bool:
        """True if there is an instance of that name, and somebody may claim it."""
        instance = self.instances.get(name)
        return instance is not None and instance.state == READY
