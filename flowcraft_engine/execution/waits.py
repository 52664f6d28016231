"""Finds the wait that a person means, in a run and its sub-runs, and checks the answer against its schema."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flowcraft_engine.blueprint.answer_schema import answer_problems, schema_problem
from flowcraft_engine.errors import AnswerError, ConflictError, ErrorCode, NodeError, NotFoundError
from flowcraft_engine.kernel import state as st
from flowcraft_engine.stores.coordination_store import CoordinationStore
from flowcraft_engine.values import JsonObject, JsonValue


@dataclass(frozen=True, slots=True)
class OpenWait:
    """An instance that waits for an answer. `shown_as` is its name seen from the top run."""

    run_id: str
    instance: str
    shown_as: str
    wait: JsonObject


async def open_waits(store: CoordinationStore, run_id: str) -> list[OpenWait]:
    """Everything in the run, sub-runs included, that waits for an answer."""
    _, state = await store.snapshot(run_id)
    found: list[OpenWait] = []
    for instance in state.waiting.values():
        wait = instance.wait or {}
        if wait.get("kind") == st.ANSWER:
            found.append(OpenWait(run_id, instance.name, instance.name, wait))
        elif wait.get("kind") == st.CHILD:
            inner = await _child_waits(store, str(wait["child"]))
            found.extend(OpenWait(w.run_id, w.instance, instance.name, w.wait) for w in inner)
    return found


async def _child_waits(store: CoordinationStore, child: str) -> list[OpenWait]:
    try:
        return await open_waits(store, child)
    except NotFoundError:
        return []


async def find_wait(store: CoordinationStore, run_id: str, node: str | None) -> tuple[str, str | None]:
    """The run and node that a signal to `node` of `run_id` is for.

    `node` may be a node, an instance, a subflow node whose child waits, or the child's run id. Raises
    `ConflictError` if it is not clear which wait is meant.
    """
    waits = await open_waits(store, run_id)
    if node is None:
        if len(waits) == 1:
            return waits[0].run_id, waits[0].instance
        if waits:
            names = ", ".join(sorted(wait.shown_as for wait in waits))
            raise ConflictError(f"{len(waits)} nodes wait for an answer, name one with --node: {names}")
        return run_id, None
    inner = [wait for wait in waits if wait.run_id != run_id and node in _names(wait)]
    if len(inner) > 1:
        raise ConflictError(f"{len(inner)} waits inside {node!r}, name one by its sub-run: " + _ids(inner))
    if inner:
        return inner[0].run_id, inner[0].instance
    return run_id, node


def _names(wait: OpenWait) -> tuple[str, ...]:
    return wait.shown_as, wait.shown_as.partition("#")[0], wait.run_id


def _ids(waits: list[OpenWait]) -> str:
    return ", ".join(sorted(wait.run_id for wait in waits))


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
        named = node is None or node in (wait.instance, wait.instance.partition("#")[0])
        schema = wait.wait.get("schema")
        if wait.run_id != run_id or not named or not isinstance(schema, dict):
            continue
        problems = answer_problems(schema, output)
        if problems:
            raise AnswerError(
                f"the answer does not fit {wait.instance}: {'; '.join(problems)}",
                hint="the run keeps waiting for one that does",
            )
