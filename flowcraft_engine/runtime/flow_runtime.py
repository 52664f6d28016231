"""`FlowRuntime`: run blueprints in this process."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from flowcraft_engine.blueprint.model import Blueprint
from flowcraft_engine.clock import Clock, SystemClock
from flowcraft_engine.execution import repair
from flowcraft_engine.execution.environment import Environment, ValueLimits
from flowcraft_engine.execution.evidence import Evidence, gather_evidence
from flowcraft_engine.execution.output_log import output_log_of
from flowcraft_engine.execution.run_control import RunControl
from flowcraft_engine.execution.secrets import Secrets
from flowcraft_engine.execution.standing import result_of
from flowcraft_engine.history.run_result import RunResult
from flowcraft_engine.kernel.commands import Effects
from flowcraft_engine.kernel.plan import Plan
from flowcraft_engine.nodes.handler import Middleware
from flowcraft_engine.nodes.registry import NodeRegistry, checked_registry
from flowcraft_engine.nodes.secret_providers import EnvironmentSecrets, SecretProvider
from flowcraft_engine.runtime.engine import InProcessEngine
from flowcraft_engine.stores.coordination_store import CoordinationStore
from flowcraft_engine.stores.memory_store import MemoryStore
from flowcraft_engine.values.masking import Masker

DEFAULT_CONCURRENCY = 32


class FlowRuntime:
    """Runs blueprints in this process, any number at a time, with at most `concurrency` attempts at once.

    `blueprints` are those that sub-runs may use. `store` keeps the runs: in memory, unless one is given. Errors name
    the files of your code as seen from the folder `root`.

        runtime = FlowRuntime(registry=NodeRegistry([charge]), dependencies={"db": db})
        result = await runtime.run(blueprint, {"order": {"total": 5}}, run_id="order-17")

    Methods return when the run has ended, or when only an answer (`resume`) can move it on. If the awaiting task
    is cancelled, what runs is interrupted; a kept run can be continued with `reconcile`.
    """

    def __init__(
        self,
        *,
        registry: NodeRegistry | None = None,
        blueprints: Iterable[Blueprint] = (),
        dependencies: Mapping[str, Any] | None = None,
        middleware: Sequence[Middleware] = (),
        concurrency: int = DEFAULT_CONCURRENCY,
        store: CoordinationStore | None = None,
        clock: Clock | None = None,
        limits: ValueLimits | None = None,
        on_progress: Callable[[str, str, float, float], None] | None = None,
        secret_providers: Sequence[SecretProvider] = (EnvironmentSecrets(),),
        root: str | os.PathLike[str] = ".",
    ) -> None:
        if concurrency < 1:
            raise ValueError("concurrency must be at least 1")
        clock = clock or SystemClock()
        secrets = Secrets(secret_providers)
        self.store = store or MemoryStore(clock)
        self.registry = checked_registry(registry)
        self._concurrency = concurrency
        self._env = Environment(
            store=self.store,
            handlers=self.registry,
            owner="",
            clock=clock,
            dependencies=dict(dependencies or {}),
            middleware=tuple(middleware),
            limits=limits or ValueLimits(),
            on_progress=on_progress,
            output=output_log_of(self.store, clock, secrets.masker),
            secrets=secrets,
            root=os.path.abspath(root),  # noqa: PTH100  # text, to be compared with
        )
        self._control = RunControl(self.store, blueprints)
        self._engine: InProcessEngine | None = None
        self._users = 0
        self._changing_engine = asyncio.Lock()

    @property
    def masker(self) -> Masker:
        """Knows the secrets that nodes have been given here, and takes them out of texts."""
        return self._env.secrets.masker

    # ---- runs ----------------------------------------------------------------------------------------------

    async def run(
        self,
        blueprint: Blueprint,
        inputs: Mapping[str, Any] | None = None,
        *,
        run_id: str | None = None,
        timeout_s: float | None = None,
    ) -> RunResult:
        """Start a run, and execute it as far as it goes.

        The same `run_id` with the same blueprint and inputs gives the run that exists, and goes on with it.
        Raises `InputError` for inputs that do not fit and `ConflictError` for a `run_id` that means another run.
        After `timeout_s` the result of the unfinished run is returned; it is interrupted.
        """
        run_id, effects = await self._start(blueprint, inputs, run_id)
        return await self._proceed(run_id, effects, timeout_s)

    async def start(
        self, blueprint: Blueprint, inputs: Mapping[str, Any] | None = None, *, run_id: str | None = None
    ) -> str:
        """Store a new run, without executing anything yet; its id."""
        run_id, _ = await self._start(blueprint, inputs, run_id)
        return run_id

    async def _start(
        self, blueprint: Blueprint, inputs: Mapping[str, Any] | None, run_id: str | None
    ) -> tuple[str, Effects | None]:
        """The id, and what there is to do now; None if only its state can tell."""
        run_id, effects = await self._control.start(blueprint, inputs, run_id)
        return run_id, None if blueprint.metadata.timeout is not None else effects

    async def proceed(self, run_id: str, *, timeout_s: float | None = None) -> RunResult:
        """Execute what a stored run has left to do."""
        return await self._proceed(run_id, None, timeout_s)

    async def _proceed(self, run_id: str, effects: Effects | None, timeout_s: float | None) -> RunResult:
        """`effects` are all that a run calls for that was started just now; None: look at its state."""
        engine = await self._enter_engine()
        try:
            if effects is None:
                await engine.adopt(run_id)
            else:
                await engine.begin(run_id, effects)
            # With jobs that nobody has taken yet, there is nothing to look for.
            has_jobs = effects is not None and bool(effects.ready)
            if timeout_s is None:
                await engine.until_quiet(run_id, has_jobs=has_jobs)
            else:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(timeout_s):
                        await engine.until_quiet(run_id, has_jobs=has_jobs)
        finally:
            await self._leave_engine()
        return await self.show(run_id)

    async def resume(
        self,
        run_id: str,
        node: str | None = None,
        *,
        action: str | None = None,
        output: Any = None,
        timeout_s: float | None = None,
    ) -> RunResult:
        """Answer a wait and go on with the run. `node` may be left out if only one node waits.

        Raises `ConflictError` for a second, different answer, `NotFoundError` for an unknown run or node, and
        `AnswerError` for an answer that does not fit the wait's schema.
        """
        await self.answer(run_id, node, action=action, output=output)
        return await self.proceed(run_id, timeout_s=timeout_s)

    async def answer(
        self, run_id: str, node: str | None = None, *, action: str | None = None, output: Any = None
    ) -> bool:
        """Store the answer to a wait. False if the very same answer was given before."""
        _, effects = await self._control.answer(run_id, node, action, output)
        return effects is not None

    async def cancel(self, run_id: str, reason: str | None = None) -> RunResult:
        """Cancel a run: nothing more starts, sub-runs included. Raises `ConflictError` if it has ended."""
        effects = await self._control.cancel(run_id, reason)
        engine = await self._enter_engine()
        try:
            engine.publish(run_id, effects)
            await engine.until_quiet(run_id)
        finally:
            await self._leave_engine()
        return await self.show(run_id)

    async def retry(self, run_id: str, *, timeout_s: float | None = None) -> RunResult:
        """Try again what failed, was poisoned or was cancelled, with the same idempotency keys, and go on.

        Raises `ConflictError` if the run has not ended, or nothing in it went wrong.
        """
        await repair.retry(self.store, run_id)
        return await self.proceed(run_id, timeout_s=timeout_s)

    async def rerun(self, run_id: str, node: str, *, timeout_s: float | None = None) -> RunResult:
        """Run `node` again, and all that follows from it, with new idempotency keys, and go on.

        `node` is a node or an instance; of a sub-run, when `run_id` is one. Raises `ConflictError` if the run has
        not ended or the node did not run, and `NotFoundError`.
        """
        await repair.rerun(self.store, run_id, node)
        return await self.proceed(run_id.partition(":")[0], timeout_s=timeout_s)

    async def pause(self, run_id: str) -> bool:
        """Let nothing more begin in the run; what runs may finish. False if it was paused already.

        Raises `ConflictError` if the run has ended.
        """
        changed = await repair.pause(self.store, run_id)
        if self._engine is not None:
            # Whoever waits for the run here looks again: it may be quiet now.
            self._engine.publish(run_id, await self.store.outstanding(run_id))
        return changed

    async def unpause(self, run_id: str, *, timeout_s: float | None = None) -> RunResult:
        """Go on with a paused run."""
        await repair.unpause(self.store, run_id)
        return await self.proceed(run_id, timeout_s=timeout_s)

    async def reconcile(self, run_id: str, *, timeout_s: float | None = None) -> RunResult:
        """Find what a run has left undone (a dead process, a due timer), and go on with it."""
        return await self.proceed(run_id, timeout_s=timeout_s)

    async def evidence(self, run_id: str) -> list[Evidence]:
        """What keeps the run from ending, and what `reconcile` would do about it."""
        return await gather_evidence(self.store, run_id, self._env.clock.now())

    async def show(self, run_id: str) -> RunResult:
        """The run as it stands."""
        return await result_of(self.store, run_id)

    def plan_of(self, blueprint: Blueprint) -> Plan:
        """The compiled form; made once for each blueprint object."""
        return self._control.plan_of(blueprint)

    # ---- lifetime ------------------------------------------------------------------------------------------

    async def __aenter__(self) -> FlowRuntime:
        await self._enter_engine()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._leave_engine()
        await self.store.close()

    @property
    def is_busy(self) -> bool:
        """Whether a node or a step of a run is under way in this process now."""
        return self._engine is not None and self._engine.is_busy

    async def _enter_engine(self) -> InProcessEngine:
        """One engine for all calls that overlap; the last to leave stops it."""
        self._users += 1
        if self._engine is not None and not self._changing_engine.locked():
            return self._engine
        try:
            # What one engine hands back while it stops, the next one must see.
            async with self._changing_engine:
                if self._engine is None:
                    env = replace(self._env, owner=self.store.claimant())
                    self._engine = InProcessEngine(env, self._concurrency)
                    self._engine.start()
                return self._engine
        except BaseException:
            await self._leave_engine()
            raise

    async def _leave_engine(self) -> None:
        self._users -= 1
        if self._users:
            return
        async with self._changing_engine:
            if self._users == 0 and self._engine is not None:
                engine, self._engine = self._engine, None
                await engine.stop()
