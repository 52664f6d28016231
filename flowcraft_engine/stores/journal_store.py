"""Coordination over a journal: the base of stores that can read, and conditionally append to, a list of events.

Theory of operation. The journal of a run is its truth. The state of runs in use is held in memory, as the fold of
what was read; a verb brings it up to date (`_begin`), runs the kernel's transition on it and appends the new events
at the position that the state stands for. To add a backend is to implement `_begin`, `_append`, `_read` and a few
look-ups.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Collection, Sequence
from typing import TypeVar

from flowcraft_engine.clock import Clock
from flowcraft_engine.errors import ConflictError, NotFoundError
from flowcraft_engine.kernel import state as st
from flowcraft_engine.kernel.commands import Claim, Commit, Committed, Effects, Start
from flowcraft_engine.kernel.event import Event, Fact
from flowcraft_engine.kernel.fold import extend, replay
from flowcraft_engine.kernel.locate import locate
from flowcraft_engine.kernel.naming import Path, item_name
from flowcraft_engine.kernel.outcome import output_of
from flowcraft_engine.kernel.outstanding import outstanding
from flowcraft_engine.kernel.plan import Plan
from flowcraft_engine.kernel.state import RunState
from flowcraft_engine.kernel.transitions import Transition
from flowcraft_engine.stores import steps
from flowcraft_engine.stores.async_context import MemoryContext
from flowcraft_engine.stores.coordination_store import CoordinationStore, Listener, RunFacts
from flowcraft_engine.stores.steps import Step
from flowcraft_engine.values import JsonObject, JsonValue, same_json

A = TypeVar("A")
T = TypeVar("T")


class OpenRun:
    """A run in use: its plan, its state as folded so far, and what never changes."""

    __slots__ = ("facts", "plan", "state")

    def __init__(self, plan: Plan, state: RunState) -> None:
        self.plan = plan
        self.state = state
        #: Made when somebody asks, once the run has begun.
        self.facts: RunFacts | None = None


def same_history(known: Sequence[Event], events: Sequence[Event]) -> bool:
    """True if one is the beginning of the other; events may have been read from JSON, or made here."""
    return all(
        one.type == other.type and one.at == other.at and one.instance == other.instance
        for one, other in zip(known, events, strict=False)
    )


def _facts(plan: Plan, state: RunState) -> RunFacts:
    context = MemoryContext(state.context)
    return RunFacts(state.run_id, plan, state.inputs, state.entry, state.key_base, state.pins, context)


class JournalStore(CoordinationStore):
    """All verbs, from a journal."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._runs: dict[str, OpenRun] = {}
        self._plans: dict[str, Plan] = {}
        self._listeners: list[Listener] = []

    # ---- for backends --------------------------------------------------------------------------------------

    def _begin(self) -> None:
        """Called before every step: after this, and until the events are stored, nobody else may append.

        A store that others write to takes its lock here and brings the open runs up to date.
        """

    @abstractmethod
    def _append(self, run: OpenRun, position: int, events: list[Fact]) -> None:
        """Store events that begin at `position` of the run's journal; at once, or by the next `flush`.

        The list is the store's from now on.
        """

    def _reopen(self, run_id: str) -> None:
        """Called when a run that had ended begins another generation: it may not be forgotten as finished."""

    @abstractmethod
    def _read(self, run_id: str) -> tuple[str, list[Event]] | None:
        """The digest of the run's blueprint and its events; None if there is no such run."""

    @abstractmethod
    def _read_plan(self, digest: str) -> Plan:
        """The plan of a pinned blueprint. Raises `NotFoundError`."""

    async def _secure(self, claims: Sequence[Claim], *, in_company: bool) -> None:
        """Return when the claims are durable. In company, others will claim in this turn, too."""
        await self.flush()

    # ---- verbs ---------------------------------------------------------------------------------------------

    async def start(self, plan: Plan, command: Start) -> Effects | None:
        await self.pin(plan)
        self._begin()
        known = self._find(command.run_id)
        if known is not None:
            if known.state.digest != plan.digest or not same_json(known.state.inputs, command.inputs):
                raise ConflictError(
                    f"run {command.run_id} exists already, with another blueprint or other inputs"
                )
            return None
        run = OpenRun(plan, RunState(command.run_id))
        self._runs[command.run_id] = run
        return self._do(run, _start, command)

    async def claim(self, run_id: str, jobs: Sequence[tuple[str, str]], owner: str) -> list[Claim]:
        claims = self._do(self._open(run_id), _claim, (jobs, owner))
        if claims and self.writes_in_groups:
            await self.flush()
        return claims

    async def commit(self, run_id: str, command: Commit) -> Committed:
        committed = self._do(self._open(run_id), _commit, command)
        if committed.claims and self.writes_in_groups:
            await self._secure(committed.claims, in_company=command.in_company)
        return committed

    async def signal(
        self, run_id: str, node: str | None, output: JsonValue, action: str | None
    ) -> Effects | None:
        effects = self._step(run_id, steps.signal(node, output, action))
        await self.flush()
        return effects

    async def wake(self, run_id: str, instances: Sequence[str]) -> Effects:
        return self._step(run_id, steps.wake(instances))

    async def deliver(
        self, run_id: str, instance: str, child: str, result: JsonObject, *, generation: int | None = None
    ) -> Effects:
        return self._step(run_id, steps.deliver(instance, child, result, generation))

    async def release(
        self, run_id: str, instance: str, nonce: str | None, *, crashed: bool, why: str
    ) -> Effects:
        return self._step(run_id, steps.release(instance, nonce, crashed=crashed, why=why))

    async def cancel(self, run_id: str, reason: str | None, *, generation: int | None = None) -> Effects:
        effects = self._step(run_id, steps.cancel(reason, generation))
        await self.flush()
        return effects

    async def pause(self, run_id: str) -> bool:
        paused = self._step(run_id, steps.pause())
        await self.flush()
        return paused

    async def unpause(self, run_id: str) -> Effects | None:
        effects = self._step(run_id, steps.unpause())
        await self.flush()
        return effects

    async def retry(self, run_id: str, children: Collection[str] = (), *, ahead_of: int = 0) -> Effects:
        return await self._begin_generation(run_id, steps.retry(children, ahead_of))

    async def rerun(
        self, run_id: str, node: str, children: Collection[str] = (), *, ahead_of: int = 0
    ) -> Effects:
        return await self._begin_generation(run_id, steps.rerun(node, children, ahead_of))

    async def _begin_generation(self, run_id: str, step: Step[Effects]) -> Effects:
        def begin(transition: Transition) -> Effects:
            effects = step(transition)
            self._reopen(run_id)
            return effects

        # Of a run that had ended, others may have made another generation: look before it is opened.
        self._begin()
        effects = self._step(run_id, begin)
        await self.flush()
        return effects

    async def restore(self, plan: Plan, run_id: str, events: Sequence[Event]) -> int:
        await self.pin(plan)
        while True:
            await self.flush()
            known = await self.events(run_id) if await self.exists(run_id) else []
            if not same_history(known, events):
                raise ConflictError(f"run {run_id} is here already, and has gone on differently")
            new = list(events[len(known) :])
            if not new:
                return 0
            self._begin()
            run = self._find(run_id)
            if len(known) == (0 if run is None else run.state.seq):
                break  # else others have gone on with it, or brought it here, since we looked
        if run is None:
            run = self._runs[run_id] = OpenRun(plan, RunState(run_id))
        elif run.state.is_final:
            self._reopen(run_id)
        position = run.state.seq
        extend(run.plan, run.state, new)
        self._append(run, position, [(*event,) for event in new])
        await self.flush()
        return len(new)

    async def outstanding(self, run_id: str) -> Effects:
        run = self._open(run_id)
        return outstanding(run.state)

    # ---- look-ups ------------------------------------------------------------------------------------------

    def facts_at_hand(self, run_id: str) -> RunFacts | None:
        run = self._runs.get(run_id)
        return None if run is None else run.facts

    async def facts(self, run_id: str) -> RunFacts:
        run = self._open(run_id)
        if run.facts is None:
            run.facts = _facts(run.plan, run.state)
        return run.facts

    async def outputs(
        self, run_id: str, node_ids: Sequence[str], path: Path = (), scopes: tuple[str, ...] = ()
    ) -> list[JsonValue]:
        run = self._open(run_id)
        state = run.state
        result: list[JsonValue] = []
        for node_id in node_ids:
            instance = locate(run.plan, state, node_id, path, scopes)
            result.append(None if instance is None else output_of(state, instance))
        return result

    async def item_results(self, run_id: str, whole: str) -> list[tuple[JsonValue, JsonObject | None]]:
        instances = self._open(run_id).state.instances
        batch = instances[whole].batch
        assert batch is not None
        results: list[tuple[JsonValue, JsonObject | None]] = []
        for index in range(len(batch.items)):
            item = instances.get(item_name(whole, index))
            if item is not None:
                results.append((item.output, item.error if item.state == st.FAILED else None))
        return results

    async def snapshot(self, run_id: str) -> tuple[Plan, RunState]:
        run = self._open(run_id)
        return run.plan, run.state

    async def exists(self, run_id: str) -> bool:
        return self._find(run_id) is not None

    async def plan(self, digest: str) -> Plan:
        return self._plan(digest)

    async def pin(self, plan: Plan) -> None:
        self._plans.setdefault(plan.digest, plan)

    def subscribe(self, listener: Listener) -> None:
        self._listeners.append(listener)

    # ---- the one step --------------------------------------------------------------------------------------

    def _find(self, run_id: str) -> OpenRun | None:
        run = self._runs.get(run_id)
        if run is None:
            found = self._read(run_id)
            if found is None:
                return None
            digest, events = found
            plan = self._plan(digest)
            run = self._runs[run_id] = OpenRun(plan, replay(plan, run_id, events))
        return run

    def _plan(self, digest: str) -> Plan:
        plan = self._plans.get(digest)
        if plan is None:
            plan = self._plans[digest] = self._read_plan(digest)
        return plan

    def _open(self, run_id: str) -> OpenRun:
        run = self._runs.get(run_id) or self._find(run_id)
        if run is None:
            raise NotFoundError(f"there is no run {run_id!r}")
        return run

    def _step(self, run_id: str, step: Step[T]) -> T:
        return self._do(self._open(run_id), _call, step)

    def _do(self, run: OpenRun, command: Callable[[Transition, A], T], argument: A) -> T:
        """A step, from a command and its argument: a function made for each step would cost as much as the step."""
        self._begin()
        state = run.state
        position = state.seq
        transition = Transition(run.plan, state, self._clock.now())
        try:
            result = command(transition, argument)
        except BaseException:
            if transition.facts:
                # Half a step was folded: what memory holds is no longer what the journal says.
                self._runs.pop(state.run_id, None)
            raise
        transition.effects.idle = state.moving == 0 or state.paused_at is not None
        if transition.facts:
            self._append(run, position, transition.facts)
            if self._listeners:
                events = transition.events
                for listener in self._listeners:
                    listener(state.run_id, events)
        return result


def _call(transition: Transition, step: Step[T]) -> T:
    return step(transition)


# What is done for every run or node, as functions that `_do` takes; `steps` has the others.
def _start(transition: Transition, command: Start) -> Effects:
    transition.start(command)
    return transition.effects


def _claim(transition: Transition, wanted: tuple[Sequence[tuple[str, str]], str]) -> list[Claim]:
    jobs, owner = wanted
    claims = [transition.claim(instance, nonce, owner) for instance, nonce in jobs]
    return [claim for claim in claims if claim is not None]


_commit = Transition.commit
