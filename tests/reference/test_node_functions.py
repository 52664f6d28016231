"""The real node functions do what the descriptions of the model say."""

from __future__ import annotations

import asyncio
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from flowcraft_engine import FatalNodeError, NodeContext
from flowcraft_engine.nodes.context_buffer import AsyncContextView
from flowcraft_engine.nodes.node_context import CancelSignal
from flowcraft_engine.values import JsonValue, NotSerializableError, to_json
from tests.reference.behaviours import (
    Add,
    Behaviour,
    Boom,
    BoomIfKey,
    BoomOn,
    Choose,
    Done,
    Echo,
    ErrorSeen,
    Failure,
    Fatal,
    Flaky,
    GetKey,
    Inc,
    Late,
    NotJson,
    Ret,
    SetKey,
    Sight,
    Slow,
    States,
    Steps,
    Upper,
    apply_writes,
    perform,
)
from tests.reference.nodes import Gates, node_function

BEHAVIOURS: list[Behaviour] = [
    Echo(),
    Ret({"a": 1}, "x"),
    Add("+"),
    Upper(),
    SetKey("k", [1]),
    Inc("n"),
    GetKey("k"),
    Boom(),
    Fatal(),
    Flaky(2, "ok"),
    BoomOn("t"),
    BoomIfKey("n", 3),
    Choose((("t", "x"),)),
    States(),
    ErrorSeen(),
    NotJson(),
    Slow(0, Echo()),
    Steps((Inc("n"), Inc("n"), BoomIfKey("n", 5), GetKey("n"))),
    Steps((SetKey("k", 2), Boom())),
]


class Committed:
    """The context of a run that stands still."""

    def __init__(self, values: dict[str, JsonValue]) -> None:
        self._values = values

    async def read(self, keys: tuple[str, ...]) -> dict[str, JsonValue]:
        return {key: self._values[key] for key in keys if key in self._values}

    async def read_all(self) -> dict[str, JsonValue]:
        return self._values


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    st.sampled_from(BEHAVIOURS),
    st.sampled_from(
        [None, "t", 1, True, {"A": {"state": "completed", "output": 1, "error": None}}, [1, "t"]]
    ),
    st.sampled_from([{}, {"n": 3}, {"k": "old", "n": 2}]),
    st.integers(1, 2),
)
def test_a_node_function_does_what_its_description_says(
    behaviour: Behaviour, value: Any, context: dict[str, Any], attempt: int
) -> None:
    expected = perform(behaviour, Sight(value, context, attempt, "node_failed"))
    assert asyncio.run(_do(behaviour, value, context, attempt)) == _seen(expected, context)


def test_a_late_node_works_only_after_its_gate_is_open() -> None:
    async def scene() -> list[str]:
        gates, order = Gates(), list[str]()

        async def late() -> None:
            await node_function(Late("A", Ret(1)), gates)(_context(None, AsyncContextView(Committed({})), 1))
            order.append("late")

        task = asyncio.create_task(late())
        await asyncio.sleep(0)
        order.append("A")
        gates.of("A").set()
        await task
        return order

    assert asyncio.run(scene()) == ["A", "late"]


def test_every_kind_of_behaviour_is_tried() -> None:
    assert {type(behaviour) for behaviour in BEHAVIOURS} | {Late} == set(Behaviour.__args__)


def _seen(outcome: Done | Failure, context: dict[str, Any]) -> object:
    if isinstance(outcome, Done):
        return outcome.output, outcome.action, apply_writes(context, outcome.writes)
    return outcome.code, outcome.is_retryable


async def _do(behaviour: Behaviour, value: Any, context: dict[str, Any], attempt: int) -> object:
    view = AsyncContextView(Committed(context))
    try:
        result = await node_function(behaviour)(_context(value, view, attempt))
        return to_json(result.output), result.action, view.preview(context)
    except NotSerializableError:
        return "output_not_serializable", False
    except FatalNodeError:
        return "node_failed", False
    except RuntimeError:
        return "node_failed", True


def _context(value: Any, view: AsyncContextView, attempt: int) -> NodeContext:
    return NodeContext(
        run_id="r",
        blueprint_id="main",
        node_id="A",
        instance="A",
        attempt=attempt,
        is_last_attempt=False,
        input=value,
        params={},
        context=view,
        dependencies={},
        signal=CancelSignal(),
        idempotency_base="r",
        error={"code": "node_failed", "message": "boom", "node": "B"},
    )
