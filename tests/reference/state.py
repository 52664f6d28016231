"""The whole state of a run in the model: plain data that can be copied and compared."""

from __future__ import annotations

import json
import pickle
from dataclasses import asdict, dataclass, field
from typing import Any

from tests.reference.behaviours import Json

#: States from which an instance never moves again.
TERMINAL = frozenset({"completed", "failed", "poisoned", "cancelled", "skipped"})
#: What `fail_fast` cancels. `looping` (a controller between two passes), `gathering` (a batch whose items run) and
#: `child` (a subflow whose child runs) wait for others. What has `resumed` does not wait any more.
STOPPABLE = frozenset(
    {"pending", "ready", "retrying", "waiting", "sleeping", "looping", "gathering", "child"}
)


@dataclass
class Instance:
    """One execution of a node: node id, iteration path, item index."""

    name: str
    node: str
    path: tuple[int, ...]
    item: int | None = None
    state: str = "pending"
    started: bool = False
    has_waited: bool = False
    attempts: int = 0
    input: Json = None
    output: Json = None
    action: str | None = None
    #: Code and message of the last failure.
    error: tuple[str, str] | None = None
    #: The failure that a fallback rescues: its `ctx.error`.
    rescues_error: str | None = None
    #: What the running attempt has yet to read: "input", then "look" at the context, then nothing.
    stage: str = ""
    #: What the running attempt, or the one that has resumed, will come to.
    outcome: Any = None
    #: Loop controllers: the number of the iteration.
    passes: int = 0
    #: The whole of a `for_each`: its items.
    items: list[Json] | None = None
    child: Run | None = None

    @property
    def is_final(self) -> bool:
        return self.state in TERMINAL


@dataclass
class Edge:
    """`taken`, `dead` or `failed`; edges that are not there are pending. `value` is what a taken one
    carries.
    """

    state: str
    value: Json = None
    has_transform: bool = False


@dataclass
class Run:
    blueprint: str
    inputs: dict[str, Json]
    #: What start nodes receive.
    entry: Json = None
    context: dict[str, Json] = field(default_factory=dict)
    instances: dict[str, Instance] = field(default_factory=dict)
    #: (edge, path of the iteration) → its decision, as a text key "edge@path".
    edges: dict[str, Edge] = field(default_factory=dict)
    #: `any` instance → the edge that won.
    winners: dict[str, int] = field(default_factory=dict)
    tripped: bool = False
    cancelled: bool = False
    #: Answers that came, by instance name; and those that came before their node ever waited, by node id.
    answers: dict[str, tuple[Json, str | None]] = field(default_factory=dict)
    early: dict[str, tuple[Json, str | None]] = field(default_factory=dict)
    #: How many answers of the case were given, and what became of each.
    verdicts: list[str] = field(default_factory=list)

    def copy(self) -> Run:
        copied: Run = pickle.loads(pickle.dumps(self))
        return copied

    def fingerprint(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)


def edge_key(edge: int, path: tuple[int, ...]) -> str:
    return f"{edge}@{'.'.join(map(str, path))}"


def instance_name(node: str, path: tuple[int, ...], item: int | None = None) -> str:
    """`body#3`, `in#2.3`, `row[17]`, `row#2[17]`."""
    iteration = "#" + ".".join(map(str, path)) if path else ""
    return f"{node}{iteration}" + ("" if item is None else f"[{item}]")
