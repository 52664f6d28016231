"""The port of a fleet: what its processes must know of each other, and what any of them may do for the others.

Everything that is handed out here is a hint to act on state that is checked again; whoever takes something and dies
leaves it to the next one, a little later.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from enum import Enum
from typing import Any, Literal, TypeAlias

from flowcraft_engine.frozen import frozen
from flowcraft_engine.stores.job_queue import JobPayload

#: Fire a timer, start a child run, bring a child's result to its parent, cancel a child that nobody waits for.
ErrandKind: TypeAlias = Literal["wake", "start", "deliver", "cancel"]


@frozen
class DeclaredBlueprint:
    """A blueprint that a worker has on disk."""

    id: str
    version: str | None
    digest: str


@frozen
class WorkerManifest:
    """What a process of the fleet says of itself. `owner` is the name under which it claims."""

    owner: str
    host: str
    pid: int
    started_at: float
    queues: tuple[str, ...]
    #: The queue of all workers with the same node types.
    own_queue: str
    node_types: tuple[str, ...]
    blueprints: tuple[DeclaredBlueprint, ...] = ()
    concurrency: int = 1
    lease_s: float = 15.0
    serves_snapshots: bool = False
    allows_remote_commands: bool = False
    flowcraft: str = ""

    def to_json(self) -> dict[str, Any]:
        from dataclasses import asdict

        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> WorkerManifest:
        """Keys of later versions are passed over."""
        known = {key: data[key] for key in cls.__dataclass_fields__ if key in data}
        known["blueprints"] = tuple(DeclaredBlueprint(**it) for it in known.get("blueprints", ()))
        for key in ("queues", "node_types"):
            known[key] = tuple(known[key])
        return cls(**known)


class Renewal(Enum):
    """What became of the lease of a process."""

    KEPT = "kept"
    #: It is kept, but was over, or nobody knows what the process can execute: it must register again.
    FORGOTTEN = "forgotten"
    #: Others take its claims: it must go on under another name.
    DEAD = "dead"


@frozen
class FleetMember:
    """A worker as the others see it; `lease_until` in seconds since the epoch, on the server's clock."""

    manifest: WorkerManifest
    lease_until: float
    is_alive: bool
    #: Instances that it executes now.
    busy: int


@frozen
class InstanceIndex:
    """What the indexes say of an instance: when it was published last, until when it sleeps, whether it is parked."""

    published_at: float | None
    due_at: float | None
    is_parked: bool


@frozen
class Errand:
    """Something that is due. `token` tells it from a later one of the same name."""

    kind: ErrandKind
    run_id: str
    instance: str
    token: str


@frozen
class DueErrands:
    """What was taken, and when the next will be due (seconds since the epoch); None if nothing waits."""

    errands: list[Errand]
    next_due: float | None


class Fleet(ABC):
    """All times are the server's. Raises `BackendError` when the server cannot be reached for too long."""

    # ---- members -------------------------------------------------------------------------------------------

    @abstractmethod
    async def register(self, manifest: WorkerManifest, lease_s: float) -> list[tuple[JobPayload, str]]:
        """Join, or say something new of oneself. Returns the parked jobs, with their queues, to be published.

        They stay parked until `unpark`.
        """

    @abstractmethod
    async def renew(self, owner: str, lease_s: float) -> Renewal:
        """Keep the lease, unless the owner was declared dead."""

    @abstractmethod
    async def leave(self, owner: str) -> None:
        """A clean end: nothing is executed under this name any more."""

    @abstractmethod
    async def declare_dead(self, owner: str) -> None:
        """Its process is known to have ended: its claims may be taken back at once."""

    @abstractmethod
    async def members(self) -> list[FleetMember]:
        """Everybody who has registered and not left, the dead included until they are buried."""

    @abstractmethod
    async def dead_among(self, owners: Sequence[str]) -> set[str]:
        """Those of `owners` that hold no lease, although they had the time to renew it."""

    @abstractmethod
    async def take_dead(self, lease_s: float, heard_s: float = math.inf) -> list[str]:
        """Owners whose claims are to be taken back; nobody for one lease after the server has come back.

        The caller has heard from it without a break for `heard_s`; it may have been up, and out of everybody's reach.
        """

    @abstractmethod
    async def claims_of(self, owner: str) -> list[JobPayload]:
        """What the owner executes, as far as it is known."""

    @abstractmethod
    async def bury(self, owner: str) -> None:
        """All claims of a dead owner were taken back."""

    # ---- errands -------------------------------------------------------------------------------------------

    @abstractmethod
    async def take_due(self, limit: int = 100) -> DueErrands:
        """Errands that are due, for this process; others get them after a while if it does not settle them."""

    @abstractmethod
    async def settle(self, errands: Sequence[Errand]) -> None:
        """They are done, or there is nothing to do. What was set anew meanwhile stays."""

    @abstractmethod
    async def put_off(self, errands: Sequence[Errand], pause_s: float) -> None:
        """They have failed, and are due again after `pause_s`. What was set anew meanwhile is due when it is."""

    @abstractmethod
    async def reindex(self, run_id: str) -> None:
        """Bring back everything that the state of a run calls for, wherever it was lost."""

    @abstractmethod
    async def look_up(self, run_id: str, queue: str, instances: Sequence[str]) -> dict[str, InstanceIndex]:
        """The index entries of these instances of a run."""

    @abstractmethod
    async def restore_ids(self, run_id: str, *, only_look: bool) -> list[str]:
        """The places where the run's blueprint id was lost; they are written again unless one `only_look`s."""

    # ---- jobs ----------------------------------------------------------------------------------------------

    @abstractmethod
    async def take_lost(self, queue: str, head: float | None, limit: int = 500) -> list[JobPayload]:
        """Ready instances that nobody has claimed and whose message must be lost; to be published again.

        `head` is when the message at the head of the queue was published, None if the queue is empty.
        """

    @abstractmethod
    async def queues(self) -> list[str]:
        """All queues that runs were ever started for."""

    @abstractmethod
    async def registrations(self) -> int:
        """How many registrations there were so far."""

    @abstractmethod
    async def park(self, job: JobPayload, queue: str, seen: int) -> bool:
        """Set a job aside for which nobody fits. False if somebody has registered since `seen` was read."""

    @abstractmethod
    async def unpark(self, job: JobPayload, queue: str) -> bool:
        """The job, parked or not, is to be published now. False if it is in no index: claimed meanwhile, or lost."""

    @abstractmethod
    async def forget_job(self, job: JobPayload, queue: str) -> None:
        """Look for the job no more, parked or not, unless its instance is ready."""

    @abstractmethod
    async def some_parked(self, limit: int = 10) -> list[tuple[JobPayload, str]]:
        """A few parked jobs, others each time."""

    @abstractmethod
    async def parked(self) -> list[tuple[JobPayload, str]]: ...

    # ---- runs ----------------------------------------------------------------------------------------------

    @abstractmethod
    async def stopped_since(self, cursor: str | None) -> tuple[str, list[str]]:
        """Runs that were ended from outside since `cursor` (None: from now on), and the next cursor."""

    @abstractmethod
    async def is_first_to_tell(self, run_id: str, generation: int) -> bool:
        """True for one caller only, who tells others of the end of a run; for none, if its reply was lost."""

    @abstractmethod
    async def take_expired(self, retention_s: float, limit: int = 20) -> list[str]:
        """Runs that ended longer ago than `retention_s`, for this process to retire.

        One that was taken, and is still there, is handed out again after a while, behind all others.
        """

    @abstractmethod
    async def forget_run(self, run_id: str) -> None:
        """There is no such run any more: strike it off all lists."""
