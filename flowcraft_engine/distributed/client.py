"""What clients do with the runs of a fleet. Has the methods of `FlowRuntime`, so that one command serves both."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Iterable, Mapping
from dataclasses import replace
from typing import Any

from flowcraft_engine.blueprint.model import Blueprint
from flowcraft_engine.clock import Clock
from flowcraft_engine.distributed.errands import Errands
from flowcraft_engine.distributed.placement import missing_for
from flowcraft_engine.distributed.publisher import Publisher, QueueOfQueues
from flowcraft_engine.distributed.repair import Repair
from flowcraft_engine.execution import repair
from flowcraft_engine.execution.evidence import Evidence
from flowcraft_engine.execution.repair import Again
from flowcraft_engine.execution.run_control import RunControl
from flowcraft_engine.execution.standing import is_quiet, open_tree, result_of, status_of
from flowcraft_engine.failpoints import failpoint
from flowcraft_engine.history.run_result import RunResult, WaitingNode
from flowcraft_engine.kernel import state as st
from flowcraft_engine.kernel.commands import Effects
from flowcraft_engine.kernel.plan import Plan
from flowcraft_engine.stores.coordination_store import CoordinationStore
from flowcraft_engine.stores.fleet import Fleet, FleetMember
from flowcraft_engine.task import new_task

#: How long a client waits for news before it looks whether the run still goes on.
_LOOK_S = 1.0
BLOCKED = "blocked"
_log = logging.getLogger("flowcraft.client")


class FleetClient:
    """Starts, answers, cancels, repairs and follows runs that workers execute."""

    def __init__(
        self,
        store: CoordinationStore,
        fleet: Fleet,
        queue: QueueOfQueues,
        clock: Clock,
        blueprints: Iterable[Blueprint] = (),
    ) -> None:
        self.store = store
        self.fleet = fleet
        self._publisher = publisher = Publisher(store, queue)
        self._control = RunControl(store, blueprints)
        self._errands = Errands(store, self._act_on)
        self._under_way: set[asyncio.Task[None]] = set()
        self._repair = Repair(store, fleet, queue, publisher, self._errands, self._act_on, clock)

    def plan_of(self, blueprint: Blueprint) -> Plan:
        """The compiled form; made once for each blueprint object."""
        return self._control.plan_of(blueprint)

    async def start(
        self, blueprint: Blueprint, inputs: Mapping[str, Any] | None = None, *, run_id: str | None = None
    ) -> str:
        """Store a new run and publish its first jobs; its id. See `RunControl.start` for what is raised."""
        failpoint("start.pre")
        run_id, effects = await self._control.start(blueprint, inputs, run_id)
        failpoint("start.done")
        await self._follow(run_id, effects)
        return run_id

    async def run(
        self,
        blueprint: Blueprint,
        inputs: Mapping[str, Any] | None = None,
        *,
        run_id: str | None = None,
        timeout_s: float | None = None,
    ) -> RunResult:
        """Start a run and wait for it."""
        return await self.proceed(await self.start(blueprint, inputs, run_id=run_id), timeout_s=timeout_s)

    async def proceed(self, run_id: str, *, timeout_s: float | None = None) -> RunResult:
        """Return when the run has ended, when only a person can move it on, or after `timeout_s`."""
        loop = asyncio.get_running_loop()
        deadline = None if timeout_s is None else loop.time() + timeout_s
        while not await is_quiet(self.store, run_id):
            left = _LOOK_S if deadline is None else min(_LOOK_S, deadline - loop.time())
            if left <= 0:
                break
            await self.store.await_news(await open_tree(self.store, run_id), left)
        return await self.show(run_id)

    async def answer(
        self, run_id: str, node: str | None = None, *, action: str | None = None, output: Any = None
    ) -> bool:
        """Answer a wait. False if the very same answer was given before."""
        failpoint("signal.pre")
        target, effects = await self._control.answer(run_id, node, action, output)
        failpoint("signal.done")
        await self._follow(target, effects)
        return effects is not None

    async def resume(
        self,
        run_id: str,
        node: str | None = None,
        *,
        action: str | None = None,
        output: Any = None,
        timeout_s: float | None = None,
    ) -> RunResult:
        """Answer a wait and follow the run."""
        await self.answer(run_id, node, action=action, output=output)
        return await self.proceed(run_id, timeout_s=timeout_s)

    async def cancel(self, run_id: str, reason: str | None = None) -> RunResult:
        """End a run, sub-runs included. Raises `ConflictError` if it has ended."""
        failpoint("cancel.pre")
        effects = await self._control.cancel(run_id, reason)
        failpoint("cancel.done")
        await self._follow(run_id, effects)
        return await self.show(run_id)

    async def retry(self, run_id: str) -> list[Again]:
        """Try again what went wrong in a run that has ended; what that is. Does not wait for its end.

        Raises `ConflictError` if the run has not ended, or nothing in it went wrong.
        """
        return await self._begin_again(await repair.retry(self.store, run_id))

    async def rerun(self, run_id: str, node: str) -> list[Again]:
        """Run `node` again, and all that follows from it, with new idempotency keys. Does not wait for the end.

        Raises `ConflictError` if the run has not ended or the node did not run, and `NotFoundError`.
        """
        return await self._begin_again(await repair.rerun(self.store, run_id, node))

    async def _begin_again(self, steps: list[Again]) -> list[Again]:
        for step in steps:
            self._act_on(step.run_id, await self.store.outstanding(step.run_id))
        await self._settle()
        return steps

    async def pause(self, run_id: str) -> bool:
        """Let nothing more begin in a run and its sub-runs. False if it was paused. Raises `ConflictError`."""
        return await repair.pause(self.store, run_id)

    async def unpause(self, run_id: str) -> bool:
        """Let a paused run go on. False if nothing of it was paused."""
        changed = await repair.unpause(self.store, run_id)
        for name in await self.store.tree(run_id):
            self._act_on(name, await self.store.outstanding(name))
        await self._settle()
        return changed

    async def reconcile(self, run_id: str) -> RunResult:
        """Repair what keeps the run from going on. Does not wait for it to end."""
        await self._repair.repair(run_id)
        await self._settle()
        return await self.show(run_id)

    async def evidence(self, run_id: str) -> list[Evidence]:
        """What keeps the run from ending, and what `reconcile` would do about it. Changes nothing."""
        return await self._repair.evidence(run_id)

    async def show(self, run_id: str) -> RunResult:
        """The run as it stands; `blocked` if nothing moves because no live worker fits."""
        result = await result_of(self.store, run_id)
        if result.status != "running":
            return result
        blocked = await self.blocked(run_id)
        return replace(result, status=BLOCKED, waiting=[*result.waiting, *blocked]) if blocked else result

    async def status(self, run_id: str) -> str:
        """What `show` says of its status, for less."""
        status = await status_of(self.store, run_id)
        return BLOCKED if status == "running" and await self.blocked(run_id) else status

    async def blocked(self, run_id: str) -> list[WaitingNode]:
        """What is ready in the run or its sub-runs and fits no live worker; empty if anything moves."""
        members: list[FleetMember] | None = None
        found: list[WaitingNode] = []
        for each in await open_tree(self.store, run_id):
            plan, state = await self.store.glance(each)
            ready = [it for it in state.instances.values() if it.state == st.READY]
            if len(ready) < state.moving or (each != run_id and state.is_final):
                return []
            for instance in ready:
                members = await self.fleet.members() if members is None else members
                missing = missing_for(members, plan, plan.nodes[instance.node_id])
                if missing is None:
                    return []
                inner = each if each != run_id else None
                found.append(WaitingNode(instance.name, "worker", None, message=missing, run_id=inner))
        return found

    # ---- what follows from a change ------------------------------------------------------------------------

    async def _follow(self, run_id: str, effects: Effects | None) -> None:
        if effects is not None:
            self._act_on(run_id, effects)
            await self._settle()

    def _act_on(self, run_id: str, effects: Effects) -> None:
        if effects.ready:
            self._publisher.put(run_id, effects.ready)
        for instance in effects.children:
            self._do(self._errands.do("start", run_id, [instance]))
        for child in effects.orphans:
            self._do(self._errands.do("cancel", child, []))
        if effects.finished and ":" in run_id:
            self._do(self._errands.do("deliver", run_id, []))

    def _do(self, errand: Coroutine[Any, Any, None]) -> None:
        task = new_task(errand)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _settle(self) -> None:
        """Everything that follows is done, or stands in the fleet's index of due errands, where a worker finds it."""
        while self._under_way:
            for failure in await asyncio.gather(*self._under_way, return_exceptions=True):
                if isinstance(failure, Exception):
                    _log.warning("an errand is left to the workers: %s", failure)
        await self._publisher.flush()
