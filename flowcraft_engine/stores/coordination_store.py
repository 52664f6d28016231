"""The port of coordination: the domain verbs of a run, each one atomic step.

A verb may be repeated, come late or race with any other; the state decides. A verb that was acknowledged is as
durable as the store is configured to be. Claims are durable before they are given, so nothing is ever executed
on the ground of a step that could still be lost.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from flowcraft_engine.frozen import frozen
from flowcraft_engine.kernel.commands import Claim, Commit, Committed, Effects, Start
from flowcraft_engine.kernel.event import Event
from flowcraft_engine.kernel.naming import Path
from flowcraft_engine.kernel.plan import Plan
from flowcraft_engine.kernel.state import RunState
from flowcraft_engine.stores.async_context import AsyncContext
from flowcraft_engine.values import JsonObject, JsonValue

#: More runs than any store lists.
_ALL_RUNS = 1_000_000
#: How often a store that cannot tell of news is asked for them.
_POLL_S = 0.2

#: Told of every step, after it was applied: run id and new events. The sequence is the store's: copy what is kept.
Listener: TypeAlias = Callable[[str, Sequence[Event]], None]


@dataclass(slots=True)
class RunFacts:
    """What never changes about a run. `inputs` and `entry` may hold `KeptValue`s: `fill_in` before use."""

    run_id: str
    plan: Plan
    inputs: JsonObject
    entry: JsonValue
    key_base: str
    pins: dict[str, str]
    #: The user's state, as committed at the moment of reading.
    context: AsyncContext


@frozen
class RunSummary:
    """One line of a list of runs. `status` is the stored one: `running completed failed cancelled`."""

    run_id: str
    blueprint_id: str
    version: str | None
    status: str
    created_at: float
    finished_at: float | None
    parent_run_id: str | None


@frozen
class RunQuery:
    """Which runs are wanted. `status` is a stored one; `since` is the earliest start, in seconds since the epoch."""

    limit: int = 50
    status: str | None = None
    blueprint_id: str | None = None
    since: float | None = None
    #: Sub-runs are left out.
    top_only: bool = True

    def fits(self, run: RunSummary) -> bool:
        return (
            (self.status is None or run.status == self.status)
            and (self.blueprint_id is None or run.blueprint_id == self.blueprint_id)
            and (self.since is None or run.created_at >= self.since)
            and not (self.top_only and run.parent_run_id is not None)
        )


class CoordinationStore(ABC):
    """Where runs live. All methods raise `NotFoundError` for a run that is not there, if not said otherwise."""

    #: True if other processes may write here too, so that it must be asked for news.
    is_shared = False
    #: True if steps of one turn of the event loop become durable together, so that many may each claim one job.
    writes_in_groups = False

    @abstractmethod
    async def start(self, plan: Plan, command: Start) -> Effects | None:
        """Begin a run. None if the very same run exists already.

        Raises `ConflictError` if the id belongs to a run of another blueprint or with other inputs.
        """

    @abstractmethod
    async def claim(self, run_id: str, jobs: Sequence[tuple[str, str]], owner: str) -> list[Claim]:
        """Claim ready instances, given with a nonce each. Those that cannot be claimed are left out."""

    @abstractmethod
    async def commit(self, run_id: str, command: Commit) -> Committed: ...

    @abstractmethod
    async def signal(
        self, run_id: str, node: str | None, output: JsonValue, action: str | None
    ) -> Effects | None:
        """Answer a wait; None if the same answer was given before. Raises `ConflictError`."""

    @abstractmethod
    async def wake(self, run_id: str, instances: Sequence[str]) -> Effects:
        """Fire the due timers of these instances; the run's own deadline, whose name is empty, is looked at, too."""

    @abstractmethod
    async def deliver(
        self, run_id: str, instance: str, child: str, result: JsonObject, *, generation: int | None = None
    ) -> Effects:
        """Give a child run's result to the instance that waits for it.

        With a `generation`, only if that is the run's.
        """

    @abstractmethod
    async def release(
        self, run_id: str, instance: str, nonce: str | None, *, crashed: bool, why: str
    ) -> Effects:
        """Hand back a claim, without consuming an attempt."""

    @abstractmethod
    async def cancel(self, run_id: str, reason: str | None, *, generation: int | None = None) -> Effects:
        """End a run now. With a `generation`, only if that is the run's. Raises `ConflictError` if it has ended."""

    @abstractmethod
    async def pause(self, run_id: str) -> bool:
        """Let nothing more begin in this run. False if it is paused already; `ConflictError` if it has ended."""

    @abstractmethod
    async def unpause(self, run_id: str) -> Effects | None:
        """Let a paused run go on; None if it is not paused. The effects are all that there is to do."""

    @abstractmethod
    async def retry(self, run_id: str, children: Collection[str] = (), *, ahead_of: int = 0) -> Effects:
        """Begin a generation in which everything that went wrong is tried again.

        `children` are instances that wait once more for their sub-run, which was told to try again before this
        run was. Of a sub-run, `ahead_of` is the generation of the run above that will wait for this one; 0 if none
        will. Raises `ConflictError` if the run has not ended, or nothing in it went wrong.
        """

    @abstractmethod
    async def rerun(
        self, run_id: str, node: str, children: Collection[str] = (), *, ahead_of: int = 0
    ) -> Effects:
        """Begin a generation in which `node` and all that follows from it runs again, with new idempotency keys.

        Raises `ConflictError` if the run has not ended or the node did not run, `NotFoundError` for no such node.
        """

    @abstractmethod
    async def outstanding(self, run_id: str) -> Effects:
        """Everything that somebody should be doing for this run now, from its state alone."""

    @abstractmethod
    async def restore(self, plan: Plan, run_id: str, events: Sequence[Event]) -> int:
        """Put the whole history of a run here; the number of events that were new.

        0 if the run is here and has all of them already, or more. Raises `ConflictError` if it is here and its
        history is another one.
        """

    @abstractmethod
    async def tree(self, run_id: str) -> list[str]:
        """The run and all its sub-runs, at any depth; those of earlier attempts and generations, too."""

    @abstractmethod
    async def retire(self, run_id: str) -> None:
        """Forget a run that has ended wholly, with its sub-runs. Raises `ConflictError` if it has not ended."""

    @abstractmethod
    async def facts(self, run_id: str) -> RunFacts: ...

    def facts_at_hand(self, run_id: str) -> RunFacts | None:
        """The facts, if they can be told without waiting: they are asked for before every attempt."""
        return None

    @abstractmethod
    async def outputs(
        self, run_id: str, node_ids: Sequence[str], path: Path = (), scopes: tuple[str, ...] = ()
    ) -> list[JsonValue]:
        """The outputs of nodes, as an instance at `path` in loop `scopes` sees them; null for those without.

        The values belong to the store: callers must not change them.
        """

    @abstractmethod
    async def item_results(self, run_id: str, whole: str) -> list[tuple[JsonValue, JsonObject | None]]:
        """Output and error of the items of a `for_each` instance, in item order."""

    @abstractmethod
    async def snapshot(self, run_id: str) -> tuple[Plan, RunState]:
        """The whole state, for views. Belongs to the store and changes with the next step."""

    async def glance(self, run_id: str) -> tuple[Plan, RunState]:
        """The state for those who look at how a run stands: in the place of large values there may be `KeptValue`s."""
        return await self.snapshot(run_id)

    async def fill_in(self, run_id: str, value: Any) -> Any:
        """`value`, out of a state that one has glanced at, with large values in their places."""
        return value

    @abstractmethod
    async def events(self, run_id: str, after: int = 0) -> list[Event]:
        """The history of a run from event number `after` on."""

    @abstractmethod
    async def plan(self, digest: str) -> Plan:
        """The plan of a pinned blueprint."""

    @abstractmethod
    async def pin(self, plan: Plan) -> None:
        """Keep a blueprint, by its digest, for as long as runs need it. One without a folder replaces none."""

    @abstractmethod
    async def list_runs(self, *, limit: int = 50, status: str | None = None) -> list[RunSummary]:
        """The newest runs first."""

    async def find_runs(self, query: RunQuery) -> list[RunSummary]:
        """The newest runs that fit, the newest first. A store that can search does it better than this."""
        runs = await self.list_runs(limit=_ALL_RUNS, status=query.status)
        return [run for run in runs if query.fits(run)][: query.limit]

    def claimant(self) -> str:
        """The name under which this process claims from now on: unique for each process start."""
        return f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"

    def claim_as(self, name: str | None) -> str:
        """Claim under `name`, which nobody has used before, or under a new one; the name."""
        return name or self.claimant()

    async def attend(self, run_id: str, owner: str) -> None:
        """Note that `owner` executes this run, for those who ask whether anybody does."""
        return  # nothing to do unless a store says so

    @abstractmethod
    async def remember(self, run_id: str, options: JsonObject) -> None:
        """Keep how a run was started (modules, files), for whoever continues it."""

    @abstractmethod
    async def recall(self, run_id: str) -> JsonObject:
        """What was remembered; empty if nothing was."""

    @abstractmethod
    async def owner_is_dead(self, owner: str) -> bool:
        """True if the process that claimed under this name is known to have ended."""

    @abstractmethod
    async def exists(self, run_id: str) -> bool: ...

    async def is_orphaned(self, run_id: str) -> bool:
        """True if no live process executes this unfinished run, as far as the store can tell."""
        return False

    @abstractmethod
    def subscribe(self, listener: Listener) -> None: ...

    async def flush(self) -> None:
        """Make everything that was acknowledged durable."""
        return  # nothing to do unless a store says so

    async def refresh(self) -> list[str]:
        """Take in what other processes have written; the ids of the runs that changed."""
        return []

    async def await_news(self, run_ids: Sequence[str], timeout_s: float) -> None:
        """Return when others may have changed one of these runs, after `timeout_s` at the latest."""
        await asyncio.sleep(min(timeout_s, _POLL_S))

    async def close(self) -> None:
        """Flush and let go. May be called twice."""
        return  # nothing to do unless a store says so
