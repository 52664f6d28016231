"""What people do with runs, whoever executes them: start, answer, cancel, look. The same for every mode."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from flowcraft_engine.blueprint.model import Blueprint
from flowcraft_engine.blueprint.run_inputs import bind_inputs
from flowcraft_engine.errors import NotFoundError, UsageError
from flowcraft_engine.execution.pins import reachable_blueprints
from flowcraft_engine.execution.run_ids import RunIds, checked_run_id
from flowcraft_engine.execution.waits import check_answer, find_wait
from flowcraft_engine.kernel.commands import Effects, Start
from flowcraft_engine.kernel.compile import compile_plan
from flowcraft_engine.kernel.plan import Plan
from flowcraft_engine.kernel.recent import Recent
from flowcraft_engine.stores.coordination_store import CoordinationStore
from flowcraft_engine.values import to_json


class RunControl:
    """Changes runs in a store. What follows from a change is returned, for whoever acts on it."""

    def __init__(self, store: CoordinationStore, blueprints: Iterable[Blueprint] = ()) -> None:
        self._store = store
        self._blueprints = {blueprint.id: blueprint for blueprint in blueprints}
        self._run_ids = RunIds()
        self._plans: Recent[int, Plan] = Recent()
        self._pins: Recent[str, dict[str, str]] = Recent()

    async def start(
        self, blueprint: Blueprint, inputs: Mapping[str, Any] | None, run_id: str | None
    ) -> tuple[str, Effects | None]:
        """Store a new run; None if the very same run exists already.

        Raises `InputError` for inputs that do not fit and `ConflictError` for a `run_id` that means another run.
        """
        plan = self.plan_of(blueprint)
        run_id = self._run_ids.new() if run_id is None else checked_run_id(run_id)
        given = to_json(dict(inputs)) if inputs else {}
        assert isinstance(given, dict)
        bound = bind_inputs(blueprint, given)
        pins = self._pins.get(plan.digest)
        if pins is not None:
            # The store may have forgotten a blueprint since, with the last run that needed it.
            with suppress(NotFoundError):
                return run_id, await self._store.start(plan, Start(run_id, bound, pins))
        pins = await self._pin(blueprint, plan)
        return run_id, await self._store.start(plan, Start(run_id, bound, pins))

    async def answer(
        self, run_id: str, node: str | None, action: str | None, output: Any
    ) -> tuple[str, Effects | None]:
        """Store the answer to a wait; the run that it was for, and None if the very same one was given before.

        Raises `ConflictError` for a second, different answer, `NotFoundError` for an unknown run or node, and
        `AnswerError` for an answer that does not fit the wait's schema.
        """
        value = to_json(output)
        target, name = await find_wait(self._store, run_id, node)
        to_json(action)  # refuses text that no store can keep
        await check_answer(self._store, target, name, value)
        return target, await self._store.signal(target, name, value, action)

    async def cancel(self, run_id: str, reason: str | None) -> Effects:
        """End a run. Raises `ConflictError` if it has ended."""
        to_json(reason)  # refuses text that no store can keep
        return await self._store.cancel(run_id, reason)

    def plan_of(self, blueprint: Blueprint) -> Plan:
        """The compiled form; made once for each blueprint object that is in use."""
        plan = self._plans.get(id(blueprint))
        if plan is None or plan.blueprint is not blueprint:
            if not isinstance(blueprint, Blueprint):
                raise UsageError(
                    f"a Blueprint is needed, not a {type(blueprint).__name__}",
                    hint="load_blueprint(path) reads a file, parse_blueprint(data) takes a mapping",
                )
            plan = compile_plan(blueprint)
            # The plan keeps the blueprint alive, so its id stays its own for as long as the plan is known.
            self._plans[id(blueprint)] = plan
        return plan

    async def _pin(self, blueprint: Blueprint, plan: Plan) -> dict[str, str]:
        """Keep the blueprints of all sub-runs that this one may start; their digests, by id."""
        pins = {blueprint.id: plan.digest}
        for child in reachable_blueprints(blueprint, self._blueprints).values():
            child_plan = self.plan_of(child)
            await self._store.pin(child_plan)
            pins[child.id] = child_plan.digest
        self._pins[plan.digest] = pins
        return pins


def new_run_id() -> str:
    """A new id, for those who need just one."""
    return RunIds().new()
