"""The in-process engine: carries out what follows from each commit, until a run has ended or waits for somebody.

Theory of operation. Ready instances are jobs in a list; a pump claims as many as there are free places and gives
each a task, which goes on with successors by itself. Timers, sub-runs and results of sub-runs are effects of
commits too. Everything here is a hint that `adopt` finds again in the state: after a crash, in another process.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any

from flowcraft_engine.errors import ConflictError, NotFoundError
from flowcraft_engine.execution.endings import Endings
from flowcraft_engine.execution.environment import Environment
from flowcraft_engine.execution.executor import Executor, Seat
from flowcraft_engine.execution.homecoming import bring_home
from flowcraft_engine.execution.standing import is_quiet, open_tree
from flowcraft_engine.execution.sub_runs import deliver_result, end_unwanted, start_child
from flowcraft_engine.kernel import state as st
from flowcraft_engine.kernel.commands import Claim, Effects
from flowcraft_engine.runtime.timers import Timers
from flowcraft_engine.stores.job_queue import MemoryJobQueue
from flowcraft_engine.task import new_task

#: How often a store that others may write to is asked for news.
_POLL_S = 0.2
#: How long interrupted nodes may take to clean up.
_GRACE_S = 10.0


class InProcessEngine:
    """Executes runs with up to `concurrency` attempts at a time, from `start` to `stop`."""

    def __init__(self, env: Environment, concurrency: int) -> None:
        self._env = env
        self._store = env.store
        self._free = concurrency
        self._queue = MemoryJobQueue()
        self._executor = Executor(
            env,
            self.publish,
            free_places=lambda: self._free,
            spawn=self._spawn,
            jobs_of=self._queue.few_jobs_of,
            others_wait=self._queue.has_others_than,
            has_company=lambda: len(self._seats) > 1,
            is_ending=lambda: any(task.cancelling() for task in self._background),
        )
        self._seats: set[Seat] = set()
        self._errands: set[asyncio.Task[None]] = set()
        self._timers = Timers(env.clock, self._on_due)
        self._waiters: dict[str, list[asyncio.Future[bool]]] = {}
        self._adopted: set[str] = set()
        self._background: list[asyncio.Task[None]] = []
        self._broken: BaseException | None = None
        self._endings = Endings(env.store, env.middleware)

    def start(self) -> None:
        """Begin, in the running event loop."""
        self._loop = asyncio.get_running_loop()
        if self._env.output is not None:
            self._env.output.start()
        self._background = [new_task(self._guard(self._pump), self._loop)]
        if self._store.is_shared:
            self._background.append(new_task(self._guard(self._poll), self._loop))

    async def stop(self) -> None:
        """Interrupt what runs, hand its claims back, and make everything durable. May be called twice."""
        self._executor.is_draining = True
        self._timers.stop()
        for task in self._background:
            task.cancel()
        for seat in list(self._seats):
            seat.interrupt("shutdown")
        # Errands may bring further errands: a cancelled sub-run has sub-runs of its own.
        while pending := {*self._tasks(), *self._errands, *self._background}:
            _, left = await asyncio.wait(pending, timeout=_GRACE_S)
            self._background = []
            if left:
                break  # a node that does not heed its cancellation is left behind; its late result is refused
        if self._env.output is not None:
            await self._env.output.stop()
        await self._store.flush()

    @property
    def is_busy(self) -> bool:
        """Whether something is under way that needs neither a timer nor anybody else to go on."""
        return bool(self._seats or self._errands or len(self._queue))

    # ---- what others ask for -------------------------------------------------------------------------------

    def publish(self, run_id: str, effects: Effects) -> None:
        """Act on what follows from a step of `run_id`."""
        if effects.ready:
            self._queue.put(run_id, effects.ready)
        for due, instance in effects.timers:
            self._timers.add(due, run_id, instance)
        for instance in effects.children:
            self._errand(self._start_child, run_id, instance)
        for child in effects.orphans:
            self._errand(self._end_orphan, child)
        if effects.stopped or (effects.finished and ":" in run_id):
            self._errand(self._finished, run_id)
        elif effects.finished:
            self._adopted.discard(run_id)
            self._wake_waiters(run_id, has_ended=True)
        elif effects.idle:
            self._look_for_quiet(run_id)
        if (effects.finished or effects.stopped) and self._endings.are_heard:
            self._errand(self._endings.tell, run_id)

    async def begin(self, run_id: str, effects: Effects) -> None:
        """Take up a run that was started here just now, from what follows from its start."""
        self._adopted.add(run_id)
        await self._store.attend(run_id, self._env.owner)
        self.publish(run_id, effects)

    async def adopt(self, run_id: str) -> None:
        """Take up a run as its state stands: after a start, a crash, or a change made by another process."""
        _, state = await self._store.snapshot(run_id)
        is_known = run_id in self._adopted
        if not is_known:
            self._adopted.add(run_id)
            await self._store.attend(run_id, self._env.owner)
        if not state.is_final:
            await self._take_from_the_dead(run_id)
            # Sub-runs are adopted one after the other, later: what is overdue in them is no reason to stop before.
            for overdue in [run_id] if is_known or ":" in run_id else await open_tree(self._store, run_id):
                await self._fire_overdue(overdue)
            if state.deadline is not None:
                self._timers.add(state.deadline, run_id, "")
        self.publish(run_id, await self._store.outstanding(run_id))

    async def _take_from_the_dead(self, run_id: str) -> bool:
        """Hand back what processes that have died were executing; whether there was anything."""
        _, state = await self._store.snapshot(run_id)
        found = False
        for instance in [i for i in state.instances.values() if i.state == st.RUNNING]:
            if instance.owner is not None and await self._store.owner_is_dead(instance.owner):
                why = "its process has died"
                await self._store.release(run_id, instance.name, instance.nonce, crashed=True, why=why)
                found = True
        return found

    async def _fire_overdue(self, run_id: str) -> None:
        """What was due while nobody looked must not be mistaken for something that still waits."""
        _, state = await self._store.snapshot(run_id)
        now = self._env.clock.now()
        overdue = [i.name for i in state.instances.values() if i.due is not None and i.due <= now]
        if overdue or (state.deadline is not None and state.deadline <= now):
            await self._store.wake(run_id, overdue)

    async def until_quiet(self, run_id: str, *, has_jobs: bool = False) -> None:
        """Return when the run has ended, or when nothing in it can move before somebody answers.

        `has_jobs` says that neither can be so yet.
        """
        has_ended = False
        while has_jobs or not (has_ended or await is_quiet(self._store, run_id)):
            has_jobs = False
            if self._broken is not None:
                raise self._broken
            looked_for = self._loop.create_future()
            self._waiters.setdefault(run_id, []).append(looked_for)
            has_ended = await looked_for
        self._wake_waiters(run_id)
        await self._store.flush()

    # ---- executing -----------------------------------------------------------------------------------------

    async def _pump(self) -> None:
        while True:
            await self._queue.wait()
            while self._free > 0 and (jobs := self._queue.take(self._free)):
                for run_id, instances in jobs.items():
                    for claim in await self._executor.claim(run_id, instances):
                        self._spawn(claim)

    def _spawn(self, claim: Claim) -> None:
        self._free -= 1
        seat = Seat(claim.run_id)
        seat.task = new_task(self._work(claim, seat), self._loop)
        self._seats.add(seat)

    def _tasks(self) -> list[asyncio.Task[None]]:
        return [seat.task for seat in self._seats if seat.task is not None]

    async def _work(self, claim: Claim, seat: Seat) -> None:
        try:
            await self._executor.perform(claim, seat)
            await self._go_on_elsewhere(seat)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # told to everybody who waits
            self._break(error)
        finally:
            self._free += 1
            self._seats.discard(seat)
            self._queue.nudge()

    async def _go_on_elsewhere(self, seat: Seat) -> None:
        """Take the next job in this seat, which is cheaper than a new one.

        Jobs of the run that was just served are left to the pump, which claims all of a run's jobs in one step.
        """
        while not self._executor.is_draining and (job := self._queue.take_of_another_run(seat.run_id)):
            seat.run_id, instance = job
            for claim in await self._executor.claim(seat.run_id, [instance]):
                await self._executor.perform(claim, seat)

    async def _guard(self, work: Callable[..., Awaitable[None]], *arguments: Any) -> None:
        """A bug in a background step must end the command that waits, not hang it."""
        try:
            await work(*arguments)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # told to everybody who waits
            self._break(error)

    def _break(self, error: BaseException) -> None:
        self._broken = error
        for run_id in list(self._waiters):
            self._wake_waiters(run_id)

    # ---- effects -------------------------------------------------------------------------------------------

    def _errand(self, work: Callable[..., Awaitable[None]], *arguments: Any) -> None:
        task = new_task(self._guard(work, *arguments), self._loop)
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)

    async def _on_due(self, run_id: str, instances: list[str]) -> None:
        await self._guard(self._fire, run_id, instances)

    async def _fire(self, run_id: str, instances: list[str]) -> None:
        with contextlib.suppress(NotFoundError):  # a run that has ended may have been forgotten since
            self.publish(run_id, await self._store.wake(run_id, instances))

    async def _start_child(self, run_id: str, instance: str) -> None:
        target, effects = await start_child(self._store, run_id, instance)
        if target in self._adopted:
            self.publish(target, effects)
        else:
            await self.adopt(target)

    async def _end_orphan(self, child: str) -> None:
        with contextlib.suppress(ConflictError, NotFoundError):
            effects = await end_unwanted(self._store, child)
            if effects is not None:
                self.publish(child, effects)

    async def _finished(self, run_id: str) -> None:
        """Stop what still runs for a stopped run, tell its parent, and whoever waits for it."""
        for seat in list(self._seats):
            if seat.run_id == run_id:
                seat.interrupt("the run has ended")
        self._adopted.discard(run_id)
        with contextlib.suppress(NotFoundError):  # it may have been forgotten since
            _, state = await self._store.snapshot(run_id)
            if state.parent is not None and state.parent[0] in self._adopted:
                self.publish(state.parent[0], await deliver_result(self._store, run_id))
            elif state.parent is not None:  # it is not for us to execute, nor are its nodes known here
                await bring_home(self._env, run_id, self.publish)
        self._look_for_quiet(run_id)

    def _look_for_quiet(self, run_id: str) -> None:
        """Wake those who wait for this run, or for a run above it, to look again."""
        while run_id and self._waiters:
            self._wake_waiters(run_id)
            run_id = run_id.rpartition(":")[0]

    def _wake_waiters(self, run_id: str, *, has_ended: bool = False) -> None:
        for waiter in self._waiters.pop(run_id, ()):
            if not waiter.done():
                waiter.set_result(has_ended)

    async def _poll(self) -> None:
        """Take in what other processes did to our runs: answers, cancellations, results."""
        while True:
            await asyncio.sleep(_POLL_S)
            for run_id in await self._store.refresh():
                if run_id in self._adopted:
                    await self._adopt_again(run_id)
            if not self._seats:
                await self._look_after_the_dead()

    async def _adopt_again(self, run_id: str) -> None:
        try:
            await self.adopt(run_id)
        except NotFoundError:
            # It has ended elsewhere, and was retired. Whoever waits for it is told so.
            self._adopted.discard(run_id)
            self._wake_waiters(run_id)

    async def _look_after_the_dead(self) -> None:
        """With nothing to do here, somebody else is at work; that one may have died without a word."""
        for run_id in list(self._adopted):
            if await self._take_from_the_dead(run_id):
                await self.adopt(run_id)
