"""Finds the wait that a person means, in a run and its sub-runs, and checks the answer against its schema."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flowcraft_engine.blueprint.answer_schema import answer_problems, schema_problem
from flowcraft_engine.errors import AnswerError, ConflictError, ErrorCode, NodeError, NotFoundError
from flowcraft_engine.frozen import frozen
from flowcraft_engine.history.run_view import actions_of
from flowcraft_engine.kernel import state as st
from flowcraft_engine.stores.coordination_store import CoordinationStore
from flowcraft_engine.values import JsonObject, JsonValue

_MOST_NAMES = 20


@frozen
class OpenWait:
    """An instance that waits for an answer. `shown_as` is its name seen from the top run."""

    run_id: str
    instance: str
    shown_as: str
    wait: JsonObject
    #: The actions that the edges of its node know.
    actions: tuple[str, ...] = ()

    @property
    def message(self) -> str | None:
        message = self.wait.get("message")
        return str(message) if message else None


async def open_waits(store: CoordinationStore, run_id: str) -> list[OpenWait]:
    """Everything in the run, sub-runs included, that waits for an answer."""
    plan, state = await store.glance(run_id)
    found: list[OpenWait] = []
    for instance in state.waiting.values():
        wait = instance.wait or {}
        if wait.get("kind") == st.ANSWER:
            wait = await store.fill_in(run_id, wait)  # with its schema, which may be kept elsewhere
            found.append(OpenWait(run_id, instance.name, instance.name, wait, actions_of(plan, instance)))
        elif wait.get("kind") == st.CHILD:
            inner = await child_waits(store, str(wait["child"]))
            found.extend(replace(one, shown_as=instance.name) for one in inner)
    return found


async def child_waits(store: CoordinationStore, child: str) -> list[OpenWait]:
    """The open waits of a sub-run, which may not have begun yet."""
    try:
        return await open_waits(store, child)
    except NotFoundError:
        return []


async def find_wait(store: CoordinationStore, run_id: str, node: str | None) -> tuple[str, str | None]:
    """The run and node that a signal to `node` of `run_id` is for.

    `node` may be a node, an instance, a subflow node (or an instance of it) whose child waits, or the child's run
    id. Where nothing waits, it is the run in which the last answer was given: the same may come again. Raises
    `ConflictError` if it is not clear which wait is meant.
    """
    waits = await open_waits(store, run_id)
    if node is None:
        if len(waits) > 1:
            raise ConflictError(f"{len(waits)} nodes wait for an answer, {_choice(waits)}")
        if waits:
            return waits[0].run_id, waits[0].instance
        return await _answered(store, run_id, None) or run_id, None
    inner = [wait for wait in waits if wait.run_id != run_id and node in _names(wait)]
    if len(inner) > 1:
        raise ConflictError(f"{len(inner)} nodes wait inside of {node!r}, {_choice(inner)}")
    if inner:
        return inner[0].run_id, inner[0].instance
    child = await _answered(store, run_id, node)
    return (run_id, node) if child is None else (child, None)


async def _answered(store: CoordinationStore, run_id: str, node: str | None) -> str | None:
    """The run in which somebody was answered last: this one, if no node is named, or a sub-run (of `node`)."""
    try:
        _, state = await store.glance(run_id)
    except NotFoundError:
        return None  # a sub-run that has not begun
    instances = list(state.instances.values())
    if node is None and any(instance.answer is not None for instance in instances):
        return run_id
    for instance in reversed(instances):
        wait = instance.wait or {}
        if wait.get("kind") != st.CHILD:
            continue
        child = str(wait["child"])
        if node is None or node in _called(instance.name, child) or node.startswith(f"{child}:"):
            answered = await _answered(store, child, None)
            if answered is not None:
                return answered
    return None


def _names(wait: OpenWait) -> set[str]:
    return _called(wait.shown_as, wait.run_id)


def _called(instance: str, run_id: str) -> set[str]:
    """What a wait may be called: its instance, that of the whole batch, its node, and its run."""
    whole = instance.partition("[")[0]
    return {instance, whole, whole.partition("#")[0], run_id}


def _choice(waits: list[OpenWait]) -> str:
    """How to name one of several: by instance, or, where several wait in one sub-run, there."""
    names = list(dict.fromkeys(wait.shown_as for wait in waits))
    if len(names) == len(waits):
        return f"name one with --node: {_listed(names)}"
    return "answer in the sub-run: " + _listed([f"{wait.run_id} --node {wait.instance}" for wait in waits])


def _listed(names: list[str]) -> str:
    return ", ".join(names[:_MOST_NAMES]) + (", …" if len(names) > _MOST_NAMES else "")


def check_schema(schema: dict[str, Any]) -> None:
    """Raises `NodeError` for a schema that no answer could be checked against."""
    problem = schema_problem(schema)
    if problem is not None:
        path, why = problem
        where = "".join(f".{part}" for part in path)
        message = f"the schema of the wait is not a JSON Schema: ${where}: {why}"
        raise NodeError(message, error_code=ErrorCode.INPUT_INVALID, retryable=False)


async def check_answer(store: CoordinationStore, run_id: str, node: str | None, output: JsonValue) -> None:
    """Raises `AnswerError` if the answer does not fit the schema of the wait; the run keeps waiting."""
    for wait in await open_waits(store, run_id):
        named = node is None or node in _names(wait)
        schema = wait.wait.get("schema")
        if wait.run_id != run_id or not named or not isinstance(schema, dict):
            continue
        problems = answer_problems(schema, output)
        if problems:
            raise AnswerError(
                f"the answer does not fit {wait.instance}: {'; '.join(problems)}",
                hint="the run keeps waiting for one that does",
            )
