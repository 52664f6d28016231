"""Carries one job through: claim, attempt, commit, publish; and on with the successor that stays here.

The same for every mode: only the store and the publisher differ.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections.abc import Callable, Iterable, Sequence

from flowcraft_engine.errors import NotFoundError
from flowcraft_engine.execution.attempt import Attempt
from flowcraft_engine.execution.environment import Environment
from flowcraft_engine.execution.secrets import masked_outcome
from flowcraft_engine.kernel.commands import (
    APPLIED,
    REFUSED,
    STALE,
    Claim,
    Commit,
    Committed,
    Effects,
    Outcome,
)

_new = object.__new__
#: Told what follows from each commit. Effects are hints: what is lost here is found again in the state.
Publish = Callable[[str, Effects], None]


#: After so many nodes in a row a seat lets others have their turn.
_STEPS_A_TURN = 64


class Seat:
    """Where attempts are executed, one after the other: a task, and what it is busy with.

    Handed on instead of asked for: `asyncio.current_task()` costs as much as the claim of a node.
    """

    __slots__ = ("attempt", "is_interrupted", "run_id", "steps", "task")

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        self.attempt: Attempt | None = None
        #: Attempts begun here so far.
        self.steps = 0
        #: Whether it was us who wanted its task to end.
        self.is_interrupted = False
        self.task: asyncio.Task[None] | None = None

    def interrupt(self, reason: str) -> None:
        """Tell the attempt that nobody waits for it, and cancel it."""
        assert self.task is not None
        self.is_interrupted = True
        if self.attempt is None:
            # A task that is cancelled before its first step could not hand its claim back.
            self.task.get_loop().call_soon(self.task.cancel, reason)
            return
        self.attempt.signal.set(reason)
        self.task.cancel(reason)


class Executor:
    """Executes claimed instances for one process.

    `free_places` says how many more attempts this process could begin now, and `spawn` begins one: successors
    that become ready are claimed with the commit that makes them so, as far as there are places. Then `jobs_of`
    the run that wait in the queue are. When `others_wait`, a run gives its seat away after some nodes. `has_company`
    says whether other attempts are under way, too, and `is_ending` whether somebody cancels all tasks of this process.
    """

    def __init__(
        self,
        env: Environment,
        publish: Publish,
        *,
        free_places: Callable[[], int] = lambda: 0,
        spawn: Callable[[Claim], None] | None = None,
        jobs_of: Callable[[str], Iterable[str]] = lambda run_id: (),
        others_wait: Callable[[str], bool] = lambda run_id: False,
        has_company: Callable[[], bool] = lambda: False,
        is_ending: Callable[[], bool] = lambda: False,
    ) -> None:
        self._env = env
        self._publish = publish
        self._free_places = free_places
        self._spawn = spawn
        self._jobs_of = jobs_of
        self._others_wait = others_wait
        self._has_company = has_company
        self._is_ending = is_ending
        self._writes_in_groups = env.store.writes_in_groups
        # No nonce may be made twice for one instance, by anybody: random bits for the process, then a counter. Each
        # stands in the journal, so they are 48 and not more.
        prefix = secrets.token_urlsafe(6)
        self._nonces = map(f"{prefix}-".__add__, map(str, itertools.count(1)))
        #: Set while shutting down: successors go to the queue instead of staying here.
        self.is_draining = False

    async def claim(self, run_id: str, instances: Sequence[str]) -> list[Claim]:
        """Claim those of `instances` that are ready."""
        jobs = [(instance, next(self._nonces)) for instance in instances]
        try:
            return await self._env.store.claim(run_id, jobs, self._env.owner)
        except NotFoundError:
            return []  # a late hint about a run that has been forgotten

    async def perform(self, claim: Claim, seat: Seat) -> None:
        """Execute a claimed instance and commit its result; then the first successor, which stays in this seat.

        When the task is cancelled the claim is handed back: no attempt is consumed, nothing is committed. If only
        this task was cancelled, and not by us, that is a crash: a node that cancels its own task would do so for ever.
        """
        env = self._env
        try:
            while True:
                seat.steps += 1
                is_turn_over = seat.steps % _STEPS_A_TURN == 0
                if is_turn_over:
                    # Nodes that never wait for anything would keep timers and signals from theirs.
                    await asyncio.sleep(0)
                # Asked for each node: a store may have read the run anew, and its context with it.
                facts = env.store.facts_at_hand(claim.run_id) or await env.store.facts(claim.run_id)
                seat.attempt = attempt = Attempt(env, facts, claim)
                outcome = await attempt.run()
                if env.output is not None and attempt.ctx is not None and attempt.ctx.page is not None:
                    env.output.end(attempt.ctx)
                commit = self._commit_of(attempt, outcome, is_last=is_turn_over)
                committed = await env.store.commit(claim.run_id, commit)
                if committed.status != APPLIED:
                    committed = await self._commit_again(attempt, committed, is_last=is_turn_over)
                claims = committed.claims
                for other in claims[1:]:
                    assert self._spawn is not None
                    self._spawn(other)
                # Behind the others: whoever takes up what is left finds the places that they have given back.
                if not claims or not committed.effects.is_empty:
                    self._publish(claim.run_id, committed.effects)
                if not claims:
                    return
                claim = claims[0]
        except asyncio.CancelledError:
            crashed = not (seat.is_interrupted or self._is_ending())
            why = "its task was cancelled, and not by flowcraft" if crashed else "interrupted"
            effects = await env.store.release(
                claim.run_id, claim.instance, claim.nonce, crashed=crashed, why=why
            )
            self._publish(claim.run_id, effects)
            raise
        finally:
            seat.attempt = None

    def _commit_of(self, attempt: Attempt, outcome: Outcome, *, is_last: bool) -> Commit:
        """The command that commits an outcome, and claims what this seat goes on with unless it `is_last`."""
        env, claim = self._env, attempt.claim
        router = attempt.router
        # Field by field, which costs half of a call of the constructor.
        commit = _new(Commit)
        commit.instance = claim.instance
        commit.nonce = claim.nonce
        masker = env.secrets.masker
        commit.outcome = masked_outcome(outcome, masker) if masker.is_active else outcome
        commit.owner = env.owner
        commit.expects = None if router is None else router.expects
        commit.expects_all = router is not None and router.expects_all
        commit.context_limit = env.limits.context
        commit.nonces = self._nonces
        commit.in_company = in_company = self._writes_in_groups and self._has_company()
        if self.is_draining or (is_last and self._others_wait(claim.run_id)):
            commit.places, commit.others = 0, ()
        else:
            # In company claims are given later than they are made, so that others would see their places as free.
            commit.places = 1 if in_company else 1 + self._free_places()
            commit.others = self._jobs_of(claim.run_id)
        return commit

    async def _commit_again(self, attempt: Attempt, committed: Committed, *, is_last: bool) -> Committed:
        """Decide again for as long as the context keys that conditions read have changed meanwhile."""
        while committed.status == STALE:
            attempt.facts = await self._env.store.facts(attempt.claim.run_id)
            commit = self._commit_of(attempt, await attempt.decide_again(), is_last=is_last)
            committed = await self._env.store.commit(attempt.claim.run_id, commit)
        if committed.status == REFUSED and attempt.ctx is not None:
            attempt.ctx.logger.info("the result of %s came too late and was refused", attempt.claim.instance)
        return committed
