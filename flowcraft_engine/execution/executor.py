"""Carries one job through: claim, attempt, commit, publish; and on with the successor that stays here.

The same for every mode: only the store and the publisher differ.
"""

from __future__ import annotations

import asyncio
import itertools
import secrets
from collections.abc import Callable, Sequence

from flowcraft_engine.errors import NotFoundError
from flowcraft_engine.execution.attempt import Attempt
from flowcraft_engine.execution.environment import Environment
from flowcraft_engine.execution.secrets import masked_outcome
from flowcraft_engine.kernel.commands import REFUSED, STALE, Claim, Commit, Committed, Effects, Outcome

#: Told what follows from each commit. Effects are hints: what is lost here is found again in the state.
Publish = Callable[[str, Effects], None]


#: After so many nodes in a row a chain lets others have their turn.
_STEPS_A_TURN = 64


class Seat:
    """Where attempts are executed, one after the other: a task, and what it is busy with.

    Handed on instead of asked for: `asyncio.current_task()` costs as much as the claim of a node.
    """

    __slots__ = ("attempt", "run_id", "task")

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        self.attempt: Attempt | None = None
        self.task: asyncio.Task[None] | None = None

    def interrupt(self, reason: str) -> None:
        """Tell the attempt that nobody waits for it, and cancel it."""
        assert self.task is not None
        if self.attempt is None:
            # A task that is cancelled before its first step could not hand its claim back.
            self.task.get_loop().call_soon(self.task.cancel, reason)
            return
        self.attempt.signal.set(reason)
        self.task.cancel(reason)


class Executor:
    """Executes claimed instances for one process.

    `free_places` says how many more attempts this process could begin now, and `spawn` begins one: successors
    that become ready are claimed with the commit that makes them so, as far as there are places.
    """

    def __init__(
        self,
        env: Environment,
        publish: Publish,
        *,
        free_places: Callable[[], int] = lambda: 0,
        spawn: Callable[[Claim], None] | None = None,
    ) -> None:
        self._env = env
        self._publish = publish
        self._free_places = free_places
        self._spawn = spawn
        # A nonce must never be made twice, by anybody: 128 random bits for the process, then a counter.
        prefix = secrets.token_urlsafe(16)
        self._nonces = map(f"{prefix}-{{}}".format, itertools.count(1))
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

        When the task is cancelled the claim is handed back: no attempt is consumed, nothing is committed.
        """
        env = self._env
        steps = 0
        try:
            while True:
                seat.attempt = attempt = Attempt(env, await env.store.facts(claim.run_id), claim)
                outcome = await attempt.run()
                if env.output is not None and attempt.ctx is not None and attempt.ctx.page is not None:
                    env.output.end(attempt.ctx)
                committed = await self._commit(claim, attempt, outcome)
                if not committed.effects.is_empty or not committed.claims:
                    self._publish(claim.run_id, committed.effects)
                if not committed.claims:
                    return
                claim, *others = committed.claims
                for other in others:
                    assert self._spawn is not None
                    self._spawn(other)
                steps += 1
                if steps % _STEPS_A_TURN == 0:
                    # Nodes that never wait for anything would keep timers, signals and other runs from theirs.
                    await asyncio.sleep(0)
        except asyncio.CancelledError:
            effects = await env.store.release(
                claim.run_id, claim.instance, claim.nonce, crashed=False, why="interrupted"
            )
            self._publish(claim.run_id, effects)
            raise
        finally:
            seat.attempt = None

    async def _commit(self, claim: Claim, attempt: Attempt, outcome: Outcome) -> Committed:
        env = self._env
        while True:
            if env.secrets.masker.is_active:
                outcome = masked_outcome(outcome, env.secrets.masker)
            places = 0 if self.is_draining else 1 + self._free_places()
            expects, expects_all = attempt.expectations()
            commit = Commit(
                claim.instance,
                claim.nonce,
                outcome,
                env.owner,
                expects,
                expects_all,
                env.limits.context,
                places,
                self._nonces,
            )
            committed = await env.store.commit(claim.run_id, commit)
            if committed.status != STALE:
                break
            outcome = await attempt.decide_again()
        if committed.status == REFUSED and attempt.ctx is not None:
            attempt.ctx.logger.info("the result of %s came too late and was refused", claim.instance)
        return committed
