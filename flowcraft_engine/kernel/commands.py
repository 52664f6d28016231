"""What the execution path asks of the kernel, and what it is answered. Not frozen: two are made a node."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from flowcraft_engine.kernel.naming import Path
from flowcraft_engine.values import JsonObject, JsonValue

Delta: TypeAlias = Sequence[Sequence[Any]]


class Absent:
    """The value of a context key that does not exist."""


ABSENT = Absent()


@dataclass(slots=True)
class Start:
    """A new run. `inputs` are bound and typed; `pins` maps every blueprint it may start to its digest."""

    run_id: str
    inputs: JsonObject
    pins: Mapping[str, str] = field(default_factory=dict)
    entry: JsonValue = None
    parent: tuple[str, str] | None = None
    key_base: str | None = None


@dataclass(slots=True)
class Claim:
    """The right to execute one instance, and what the state knows about it."""

    run_id: str
    instance: str
    node_id: str
    path: Path
    index: int | None
    attempt: int
    nonce: str
    #: Predecessors whose edge was taken, with the index of that edge.
    arrivals: Mapping[str, int]
    values: Mapping[str, JsonValue] | None
    winner: str | None
    #: The answer, timer or child result that a suspended instance goes on with.
    resumption: JsonObject | None
    carry: JsonValue
    #: In a fallback: the error of the node that it stands in for.
    error: JsonObject | None
    #: In an item of a `for_each` node: the item.
    item: JsonValue
    #: In a loop controller: the number of passes begun so far.
    iteration: int
    #: Only for joins of kind `all_done`: how each predecessor ended.
    outcomes: JsonObject | None
    #: What a node without `inputs` receives, where the store knows it; else `ABSENT`. Belongs to the store.
    input: Any = ABSENT
    #: The generation of the rerun that gave this instance new idempotency keys; 0: none did.
    keys: int = 0


@dataclass(slots=True)
class Completed:
    """`taken` lists the indexes of the taken edges; None means: all edges, none has anything to decide."""

    output: JsonValue
    action: str | None = None
    taken: list[int] | None = None
    #: Edge index → what its transform made of the output.
    values: dict[str, JsonValue] | None = None
    #: Edge index → why it was taken or not, where there was something to decide.
    why: JsonObject | None = None
    delta: Delta | None = None


@dataclass(slots=True)
class Failed:
    """A failed attempt; `retry_at` (seconds since the epoch) is None when no other attempt may follow."""

    error: JsonObject
    retry_at: float | None = None
    carry: JsonValue = None


@dataclass(slots=True)
class Suspended:
    """The node waits: `wait` has the `kind` and what that kind needs; `due` in seconds since the epoch."""

    wait: JsonObject
    delta: Delta | None = None


@dataclass(slots=True)
class Scattered:
    items: list[JsonValue]


@dataclass(slots=True)
class Continued:
    """A loop controller begins another pass, with `output` for the start node of its body."""

    output: JsonValue
    why: JsonObject | None = None


Outcome: TypeAlias = Completed | Failed | Suspended | Scattered | Continued


@dataclass(slots=True)
class Commit:
    """The outcome of one attempt. Refused unless `nonce` is that of the claim under way.

    `expects` are the context keys that conditions have read, with the values they had (`ABSENT` if none): if one
    has changed, the answer is `stale` and nothing happens. Up to `places` of the successors that become ready are
    claimed in the same step, with nonces taken from `nonces`; then, if places are left, of the run's `others` that
    were ready before. Those are asked for one by one, and belong to this step from then on. `in_company` says that
    other attempts may commit in the same turn of the event loop, so that a store may write them together.
    """

    instance: str
    nonce: str
    outcome: Outcome
    owner: str
    expects: Mapping[str, Any] | None = None
    #: True if a condition has read the whole context, so that a further key is a change, too.
    expects_all: bool = False
    #: The most characters of JSON that the context may grow to.
    context_limit: int | None = None
    places: int = 0
    nonces: Iterator[str] = field(default_factory=lambda: iter(()))
    others: Iterable[str] = ()
    in_company: bool = False


APPLIED = "applied"
ALREADY = "already"
REFUSED = "refused"
STALE = "stale"


class Effects:
    """What follows from a transition for those who carry it out. All of it can be found again from the state.

    Written out by hand, and its rare lists made when they are needed: one is made for every step.
    """

    __slots__ = ("children", "finished", "idle", "orphans", "ready", "stopped", "timers")

    def __init__(self) -> None:
        #: Instances that have become ready; jobs to publish.
        self.ready: list[str] = []
        #: Timers: due time (seconds since the epoch) and instance.
        self.timers: Sequence[tuple[float, str]] = ()
        #: Instances that wait for a child run, which is to be started if it is not there.
        self.children: Sequence[str] = ()
        #: Child runs that nobody waits for any more.
        self.orphans: Sequence[str] = ()
        #: True if the run ended in this step.
        self.finished = False
        #: True if it was ended from outside, so that attempts may still be running.
        self.stopped = False
        #: True if nothing in the run is ready, running or between attempts after this step, or if it is paused.
        self.idle = False

    @property
    def is_empty(self) -> bool:
        return not (self.ready or self.timers or self.children or self.orphans or self.finished)


@dataclass(slots=True)
class Committed:
    status: str
    effects: Effects
    #: Instances that were claimed in the same step.
    claims: Sequence[Claim] = ()
