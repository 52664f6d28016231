"""Plays a case: what was recorded stands in for every node that reaches outside. No network, no Redis, no user code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from flowcraft_engine.blueprint import find_blueprints, lint_blueprint, load_blueprint, parse_blueprint
from flowcraft_engine.blueprint.finding import BlueprintError, Severity
from flowcraft_engine.blueprint.model import Blueprint, NodeSpec
from flowcraft_engine.clock import ManualClock
from flowcraft_engine.errors import FlowcraftError, NodeError
from flowcraft_engine.execution.waits import OpenWait, open_waits
from flowcraft_engine.frozen import frozen
from flowcraft_engine.kernel.naming import node_of
from flowcraft_engine.nodes.entry import NodeEntry
from flowcraft_engine.nodes.handler import Handler
from flowcraft_engine.nodes.node_context import NodeContext
from flowcraft_engine.nodes.registry import NodeRegistry
from flowcraft_engine.nodes.result import NodeResult, Wait
from flowcraft_engine.reports.dossier import Dossier, read_dossier
from flowcraft_engine.reports.json_diff import Change, json_changes
from flowcraft_engine.reports.why import why
from flowcraft_engine.runtime.flow_runtime import FlowRuntime
from flowcraft_engine.testing.case import Answer, Case, Expectation, Recorded, RunRecord
from flowcraft_engine.testing.played import path_of
from flowcraft_engine.testing.recording import REAL, SUBFLOW

_RECORDED = "recorded"
_RUN_ID = "case"
#: Differences of the outputs that are listed one by one.
_MOST = 10
_TIMEOUT_S = 60.0


@frozen
class Blueprints:
    """The blueprint of a case, and those that its sub-runs may use."""

    top: Blueprint
    others: tuple[Blueprint, ...] = ()


def blueprints_of(case: Case, folder: Path) -> Blueprints:
    """Read what a case in `folder` names. Raises `BlueprintError`."""
    if isinstance(case.blueprint, str):
        file = folder / case.blueprint
        top, beside = load_blueprint(file), file.absolute().parent
    else:
        top, beside = _written_out(case.blueprint), folder
    if not any(node.uses == SUBFLOW for node in top.nodes):
        return Blueprints(top)
    found, _ = find_blueprints([beside])
    return Blueprints(top, tuple(child for child in found.values() if child.id != top.id))


def _written_out(data: Mapping[str, Any]) -> Blueprint:
    """The blueprint in a case: as `record` has written it, in its canonical form, or as people write."""
    try:
        blueprint = Blueprint.model_validate(dict(data))
    except ValidationError:
        return parse_blueprint(data)
    findings = lint_blueprint(blueprint)
    if any(finding.severity is Severity.ERROR for finding in findings):
        raise BlueprintError(findings)
    return blueprint


@frozen
class _AnySecret:
    """Gives every secret that is asked for: what the nodes made of it was recorded, and it is masked in the rest."""

    def find(self, name: str) -> str:
        return f"the secret {name}, which no replay knows"


async def replay(case: Case, blueprints: Blueprints) -> Dossier:
    """The run of a case, in memory, on a clock that jumps."""
    player = _Player(case.record)
    registry = NodeRegistry()
    handler = Handler(name=_RECORDED, call=player.call, is_async=True)
    registry.add(NodeEntry(_RECORDED, "a case", handler, lambda: handler))
    clock = ManualClock(jumps=True)
    runtime = FlowRuntime(
        registry=registry,
        blueprints=[player.apply(child) for child in blueprints.others],
        concurrency=1,
        clock=clock,
        secret_providers=(_AnySecret(),),
    )
    clock.await_work(lambda: runtime.is_busy)
    await runtime.run(player.apply(blueprints.top), case.inputs, run_id=_RUN_ID, timeout_s=_TIMEOUT_S)
    while True:
        found = await player.next_answer(runtime)
        if found is not None:
            wait, answer = found
            if answer.expires:
                _advance_to(clock, wait.wait.get("due"))
            else:
                await runtime.answer(wait.run_id, wait.instance, action=answer.action, output=answer.output)
        else:
            run = await read_dossier(runtime.store, _RUN_ID, clock.now())
            deadline = player.next_deadline(run)
            if deadline is None:
                return run
            _advance_to(clock, deadline)
        await runtime.proceed(_RUN_ID, timeout_s=_TIMEOUT_S)


def _advance_to(clock: ManualClock, due: object) -> None:
    clock.advance(max(0.0, due - clock.now()) + 0.001 if isinstance(due, (int, float)) else 0.001)


def expectation_of(run: Dossier) -> Expectation:
    """What a case may expect of a run like this one."""
    states = {name: node.state for name, node in run.result.nodes.items() if node.state != "completed"}
    return Expectation(run.result.status, path_of(run), states, run.result.outputs)


def mismatches(expect: Expectation, run: Dossier) -> list[str]:
    """What came out otherwise, a sentence each; empty if all is as expected."""
    found: list[str] = []
    if expect.status is not None and run.result.status != expect.status:
        told = "; ".join(f"{error.node or 'the run'}: {error.message}" for error in run.result.errors)
        found.append(f"status {run.result.status}, not {expect.status}" + (f" ({told})" if told else ""))
    if expect.path is not None and path_of(run) != expect.path:
        found.extend(_path_mismatch(expect.path, run))
    for name, state in expect.states.items():
        found.extend(_state_mismatch(name, state, run))
    if expect.outputs is not None:
        changes = [it for it in json_changes(expect.outputs, run.result.outputs) if not _is_other_run(it)]
        found += [f"output {it.path}: {it.new!r}, not {it.old!r}" for it in changes[:_MOST]]
        if len(changes) > _MOST:
            found.append(f"and {len(changes) - _MOST} more outputs")
    return found


def _is_other_run(change: Change) -> bool:
    """Errors of sub-runs name them, and the replay of a run has another id than the run."""
    old, new = change.old, change.new
    if not (change.path.endswith("cause.run_id") and isinstance(old, str) and isinstance(new, str)):
        return False
    return old.partition(":")[2] == new.partition(":")[2]


def _path_mismatch(expected: list[str], run: Dossier) -> Iterable[str]:
    path = path_of(run)
    missing = [name for name in expected if name not in path]
    further = [name for name in path if name not in expected]
    yield f"path {' -> '.join(path) or '(nothing ran)'}, not {' -> '.join(expected) or '(nothing)'}"
    for name in missing:
        yield f"{name} did not run: {_reason(name, run)}"
    for name in further:
        yield f"{name} ran: {_reason(name, run)}"


def _state_mismatch(name: str, state: str, run: Dossier) -> Iterable[str]:
    node = run.result.nodes.get(name)
    current = node.state if node is not None else "not there"
    if current != state:
        yield f"{name} is {current}, not {state}: {_reason(name, run)}"


def _reason(name: str, run: Dossier) -> str:
    try:
        answer = why(run, name)
    except FlowcraftError as error:
        return error.message
    return "; ".join([answer.summary, *(ground.text for ground in answer.grounds)])


class _Player:
    """Gives each attempt what was recorded for it."""

    def __init__(self, record: RunRecord) -> None:
        self._record = record
        self._answered: set[tuple[str, str]] = set()
        #: The last deadline that the clock was moved to.
        self._expired = float("-inf")

    def apply(self, blueprint: Blueprint) -> Blueprint:
        """The blueprint with every node that reaches outside replaced."""
        stubbed = set(_recorded_nodes(self._record))
        nodes = tuple(self._node(node, stubbed) for node in blueprint.nodes)
        changed = blueprint.model_copy(update={"nodes": nodes})
        return changed.with_locations(blueprint.locations, blueprint.folder)

    def _node(self, node: NodeSpec, stubbed: set[str]) -> NodeSpec:
        is_real = node.uses in REAL and not (node.uses == SUBFLOW and node.id in stubbed)
        return node if is_real or node.loop is not None else node.model_copy(update={"uses": _RECORDED})

    async def call(self, ctx: NodeContext) -> Any:
        attempts = self._attempts(ctx)
        number = min(ctx.attempt, len(attempts))
        recorded = attempts[number - 1]
        if recorded.error is not None:
            raise _error_of(recorded.error, retryable=number < len(attempts))
        if recorded.waits is not None:
            return Wait(recorded.waits or None)
        for operation, key, operand in recorded.context:
            await _change(ctx.context, operation, key, operand)
        return NodeResult(recorded.output, recorded.action)

    def _attempts(self, ctx: NodeContext) -> list[Recorded]:
        record = _record_at(self._record, ctx.run_id)
        attempts = record.nodes.get(ctx.instance) or record.nodes.get(ctx.node_id) if record else None
        if not attempts:
            raise NodeError(
                f"nothing is recorded for {ctx.instance}, which did not run before", retryable=False
            )
        return attempts

    async def next_answer(self, runtime: FlowRuntime) -> tuple[OpenWait, Answer] | None:
        """A wait that the case has an answer for, which was not given yet."""
        for wait in await open_waits(runtime.store, _RUN_ID):
            record = _record_at(self._record, wait.run_id)
            node_id = node_of(wait.instance)
            answer = record.answers.get(wait.instance) or record.answers.get(node_id) if record else None
            if answer is not None and (wait.run_id, wait.instance) not in self._answered:
                self._answered.add((wait.run_id, wait.instance))
                return wait, answer
        return None

    def next_deadline(self, run: Dossier) -> float | None:
        """When the first of the runs ends that the case lets run out of time; None if there is none."""
        due = [
            it.state.deadline
            for it in run.tree()
            if not it.state.is_final and it.state.deadline is not None and it.state.deadline > self._expired
            if (record := _record_at(self._record, it.run_id)) is not None and record.expires
        ]
        self._expired = min(due, default=self._expired)
        return min(due, default=None)


def _record_at(record: RunRecord, run_id: str) -> RunRecord | None:
    """The record of a run by its id: `case`, `case:sub`, `case:sub:inner`."""
    found: RunRecord | None = record
    for part in run_id.split(":")[1:]:
        if part and found is not None:
            found = found.sub_runs.get(part) or found.sub_runs.get(node_of(part))
    return found


def _recorded_nodes(record: RunRecord) -> Iterable[str]:
    for name in record.nodes:
        yield node_of(name)
    for child in record.sub_runs.values():
        yield from _recorded_nodes(child)


def _error_of(recorded: dict[str, Any], *, retryable: bool) -> NodeError:
    error = NodeError(recorded["message"], error_code=recorded["code"], retryable=retryable)
    error.failure_cause = recorded.get("cause")
    return error


async def _change(context: Any, operation: str, key: str, operand: Any) -> None:
    if operation == "set":
        await context.set(key, operand)
    elif operation == "delete":
        await context.delete(key)
    elif operation == "increment":
        await context.increment(key, operand)
    else:
        await context.append(key, operand)
