"""Plays a blueprint in memory: nodes replaced, time jumping, waits answered. No disk, no network of ours."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from flowcraft_engine.blueprint import find_blueprints, load_blueprint
from flowcraft_engine.blueprint.model import Blueprint
from flowcraft_engine.clock import ManualClock
from flowcraft_engine.errors import UsageError
from flowcraft_engine.execution.waits import OpenWait, open_waits
from flowcraft_engine.kernel.naming import node_of
from flowcraft_engine.nodes.registry import NodeRegistry, checked_registry
from flowcraft_engine.nodes.result import NodeResult
from flowcraft_engine.reports.dossier import read_dossier
from flowcraft_engine.runtime.flow_runtime import FlowRuntime
from flowcraft_engine.testing.played import Played
from flowcraft_engine.testing.replacement import InTurn, Key, Replacements

#: The id of every played run, so that what depends on it is the same each time.
RUN_ID = "played"


async def play(
    blueprint: Blueprint | str | os.PathLike[str],
    inputs: Mapping[str, Any] | None = None,
    *,
    replace: Mapping[Key, Any] | None = None,
    answers: Mapping[str, Any] | None = None,
    registry: NodeRegistry | None = None,
    blueprints: Iterable[Blueprint] = (),
    dependencies: Mapping[str, Any] | None = None,
    clock: ManualClock | None = None,
    concurrency: int = 1,
    timeout_s: float = 30.0,
) -> Played:
    """Run a blueprint, or a blueprint file, to its end, or to a wait that has no answer.

    `replace` maps node ids to what stands in for them: a function or `BaseNode` class, an exception to raise,
    `in_turn(...)` for one thing after the other, or simply the output (a `NodeResult` if it has an action). A
    pair `(blueprint id, node id)` names a node of a sub-run. `answers` maps waiting nodes to their answer, in the
    same way. The other nodes are real, and come from `registry`.

    Time is that of `clock`, which jumps over sleeps, retry delays and wait timeouts. With one node at a time, the
    default, the order of the path is always the same. `timeout_s` is real time: a test must not hang.
    """
    top, others = _loaded(blueprint, blueprints)
    replacements = Replacements(replace or {})
    replacements.check(top, others)
    types = checked_registry(registry).merged()
    clock = clock or ManualClock(jumps=True)
    runtime = FlowRuntime(
        registry=types,
        blueprints=[replacements.apply(child, types, is_top=False) for child in others],
        dependencies=dependencies,
        concurrency=concurrency,
        clock=clock,
    )
    clock.await_work(lambda: runtime.is_busy)
    await runtime.run(replacements.apply(top, types, is_top=True), inputs, run_id=RUN_ID, timeout_s=timeout_s)
    await _answer(runtime, dict(answers or {}), timeout_s)
    dossier = await read_dossier(runtime.store, RUN_ID, clock.now())
    if dossier.result.status == "running":
        raise UsageError(
            f"the run did not end within {timeout_s:g} s: a node hangs, or the clock stands still"
        )
    return Played(dossier, replacements.calls)


def _loaded(
    blueprint: Blueprint | str | os.PathLike[str], others: Iterable[Blueprint]
) -> tuple[Blueprint, list[Blueprint]]:
    """The blueprint, and those that its sub-runs may use: the given ones, then those beside its file."""
    if isinstance(blueprint, Blueprint):
        return blueprint, list(others)
    top = load_blueprint(blueprint)
    found = {child.id: child for child in others}
    if any(node.uses == "subflow" for node in top.nodes):
        beside, _ = find_blueprints([Path(blueprint).absolute().parent])
        found = {**beside, **found}
    return top, [child for child in found.values() if child.id != top.id]


async def _answer(runtime: FlowRuntime, answers: dict[str, Any], timeout_s: float) -> None:
    """Answer what waits, one after the other, for as long as there are answers for it."""
    used: set[str] = set()
    while True:
        waits = await open_waits(runtime.store, RUN_ID)
        found = next(((wait, key) for wait in waits if (key := _key_of(wait, answers)) is not None), None)
        if found is None:
            return _check_used(answers, used)
        wait, key = found
        given = answers[key]
        given = given.next() if isinstance(given, InTurn) else given
        answer = given if isinstance(given, NodeResult) else NodeResult(given)
        await runtime.answer(wait.run_id, wait.instance, action=answer.action, output=answer.output)
        await runtime.proceed(RUN_ID, timeout_s=timeout_s)
        used.add(key)


def _key_of(wait: OpenWait, answers: Mapping[str, Any]) -> str | None:
    """An answer is for an instance, a node, or the node whose sub-run waits."""
    names = (wait.instance, node_of(wait.instance), wait.shown_as)
    return next((name for name in names if name in answers), None)


def _check_used(answers: Mapping[str, Any], used: set[str]) -> None:
    unused = [key for key in answers if key not in used]
    if unused:
        raise UsageError(f"nothing has waited for the answer to {', '.join(map(repr, unused))}")
