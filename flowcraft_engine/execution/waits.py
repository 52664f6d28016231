"""Finds the wait that a person means, in a run and its sub-runs, and checks the answer against its schema."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from flowcraft_engine.blueprint.answer_schema import answer_problems, schema_problem
from flowcraft_engine.errors import AnswerError, ConflictError, ErrorCode, NodeError, NotFoundError
from flowcraft_engine.history.run_view import actions_of
from flowcraft_engine.kernel import state as st
from flowcraft_engine.stores.coordination_store import CoordinationStore
from flowcraft_engine.values import JsonObject, JsonValue

_MOST_NAMES = 20


@dataclass(frozen=True, slots=True)
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
            wait = await store.fill_in(run_id, wait)  # a schema may be large, and no answer may pass it by
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
    id. Raises `ConflictError` if it is not clear which wait is meant.
    """
    waits = await open_waits(store, run_id)
    if node is None:
        if len(waits) > 1:
            raise ConflictError(f"{len(waits)} nodes wait for an answer, {_choice(waits)}")
        return (waits[0].run_id, waits[0].instance) if waits else (run_id, None)
    inner = [wait for wait in waits if wait.run_id != run_id and node in _names(wait)]
    if len(inner) > 1:
        raise ConflictError(f"{len(inner)} nodes wait inside of {node!r}, {_choice(inner)}")
    if inner:
        return inner[0].run_id, inner[0].instance
    return run_id, node


def _names(wait: OpenWait) -> set[str]:
    """What a wait may be called: its instance, that of the whole batch, its node, and its run."""
    whole = wait.shown_as.partition("[")[0]
    return {wait.shown_as, whole, whole.partition("#")[0], wait.run_id}


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
