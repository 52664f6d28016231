"""Nodes may raise or return anything: it fails, or becomes JSON, and everything else goes on."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime
import decimal
import enum
import logging
import pathlib
import sys
import uuid
from typing import Any

import pytest

from flowcraft_engine import BaseNode, FatalNodeError, NodeContext, NodeResult, ValueLimits
from flowcraft_engine.backends.sqlite import SqliteStore
from flowcraft_engine.kernel.event import NODE_RELEASED
from tests.unit.runtime.play import blueprint, play, runtime

pytestmark = pytest.mark.asyncio


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


class Ending(BaseException):
    pass


def deeper(n: int) -> int:
    return deeper(n + 1)


RAISED: dict[str, Any] = {
    "sys.exit": lambda: sys.exit(3),
    "SystemExit": lambda: _raise(SystemExit()),
    "KeyboardInterrupt": lambda: _raise(KeyboardInterrupt()),
    "GeneratorExit": lambda: _raise(GeneratorExit()),
    "StopIteration": lambda: _raise(StopIteration(1)),
    "StopAsyncIteration": lambda: _raise(StopAsyncIteration()),
    "RecursionError": lambda: deeper(0),
    "MemoryError": lambda: _raise(MemoryError()),
    "own BaseException": lambda: _raise(Ending("end")),
    "CancelledError": lambda: _raise(asyncio.CancelledError("mine")),
    "unprintable": lambda: _raise(Unprintable()),
    "group": lambda: _raise(ExceptionGroup("several", [ValueError(1), KeyError(2)])),
    "half a surrogate": lambda: _raise(ValueError("\udc80")),
    "long": lambda: _raise(ValueError("x" * 100_000)),
    "TimeoutError": lambda: _raise(TimeoutError("mine")),
}


def _raise(error: BaseException) -> None:
    raise error


def _node_that(does: Any, kind: str) -> Any:
    async def asynchronous(ctx: NodeContext) -> None:
        does()

    def synchronous(ctx: NodeContext) -> None:
        does()

    class Class(BaseNode):
        def exec(self, value: Any, ctx: NodeContext) -> Any:
            does()

    class AsyncClass(BaseNode):
        async def exec(self, value: Any, ctx: NodeContext) -> Any:
            does()

    return {"async": asynchronous, "sync": synchronous, "class": Class, "async class": AsyncClass}[kind]


@pytest.mark.parametrize("kind", ["async", "sync", "class", "async class"])
@pytest.mark.parametrize("name", RAISED)
async def test_whatever_a_node_raises_fails_that_node_only(name: str, kind: str) -> None:
    result = await play("A -> B; C -> D", {"A": _node_that(RAISED[name], kind)})
    states = {node: run.state for node, run in result.nodes.items()}
    assert states == {"A": "failed", "B": "poisoned", "C": "completed", "D": "completed"}
    assert result.status == "failed"
    assert [(error.node, error.code) for error in result.errors] == [("A", "node_failed")]
    assert 0 < len(result.errors[0].message) <= 5_000
    result.errors[0].message.encode()


async def test_a_node_that_cancels_its_own_task_is_given_up_like_one_that_kills_its_process() -> None:
    async def own_enemy(ctx: NodeContext) -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await asyncio.sleep(0)

    result = await play("A -> B; C -> D", {"A": own_enemy})
    states = {node: run.state for node, run in result.nodes.items()}
    assert states == {"A": "failed", "B": "poisoned", "C": "completed", "D": "completed"}
    assert [(error.node, error.code) for error in result.errors] == [("A", "crash_loop")]
    assert "its task was cancelled, and not by flowcraft" in result.errors[0].message


async def test_the_end_of_the_event_loop_is_no_crash_of_what_runs_in_it(tmp_path: pathlib.Path) -> None:
    made = blueprint("A")

    def begin_and_leave() -> None:
        store = SqliteStore(tmp_path / "state.db")

        async def main() -> None:
            has_begun = asyncio.Event()

            async def slow() -> None:
                has_begun.set()
                await asyncio.Event().wait()

            flow = runtime(made, {"A": slow}, store=store)
            running = asyncio.create_task(flow.run(made, run_id="r"))
            await has_begun.wait()
            assert not running.done()

        asyncio.run(main())  # cancels whatever is still there
        asyncio.run(store.close())

    await asyncio.to_thread(begin_and_leave)
    store = SqliteStore(tmp_path / "state.db")
    released = [it for it in await store.events("r") if it.type == NODE_RELEASED]
    assert [it.data["crash"] for it in released] == [False]
    await store.close()


@pytest.mark.parametrize("step", ["fallback", "recover"])
async def test_whatever_the_rescue_of_a_class_raises_fails_that_node_only(step: str) -> None:
    class Class(BaseNode):
        async def exec(self, value: Any, ctx: NodeContext) -> Any:
            raise ValueError("first")

    async def ends(self: Any, error: BaseException, ctx: NodeContext) -> None:
        raise SystemExit(1)

    setattr(Class, step, ends)
    result = await play("A; C", {"A": Class})
    assert (result.nodes["A"].state, result.nodes["C"].state) == ("failed", "completed")


@dataclasses.dataclass
class Point:
    x: int
    at: datetime.date


class Colour(enum.Enum):
    RED = "red"


VALUES: list[tuple[Any, Any]] = [
    ((1, (2,)), [1, [2]]),
    (Point(1, datetime.date(2026, 1, 31)), {"x": 1, "at": "2026-01-31"}),
    (Colour.RED, "red"),
    (datetime.datetime(2026, 1, 31, 9, 30, tzinfo=datetime.UTC), "2026-01-31T09:30:00+00:00"),
    (datetime.timedelta(seconds=90), 90.0),
    (decimal.Decimal("1.10"), "1.10"),
    (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    (pathlib.PurePosixPath("a/b"), "a/b"),
    (False, False),
    (None, None),
]


@pytest.mark.parametrize("value, plain", VALUES)
async def test_values_become_plain_json_for_the_next_node(value: Any, plain: Any) -> None:
    seen: list[Any] = []
    result = await play("A -> B", {"A": lambda: value, "B": lambda input: seen.append(input)})
    assert result.status == "completed"
    assert seen == [plain]
    assert type(seen[0]) is type(plain)


CYCLE: list[Any] = []
CYCLE.append(CYCLE)


@pytest.mark.parametrize(
    "value, path",
    [
        ({"rows": [1, float("nan")]}, "$.rows[1]"),
        ([float("inf")], "$[0]"),
        (b"bytes", "$"),
        ({"a": {1, 2}}, "$.a"),
        ((n for n in range(2)), "$"),
        ({1: 2}, "$"),
        (object(), "$"),
        (CYCLE, "$"),
        pytest.param(10**5_000, "$", id="a long integer"),
        ("\ud800", "$"),
        (ValueError, "$"),
        (ValueError("returned"), "$"),
    ],
)
async def test_what_is_not_json_fails_the_node_with_the_place_and_is_not_tried_again(
    value: Any, path: str
) -> None:
    calls: list[int] = []

    def node(ctx: NodeContext) -> Any:
        calls.append(ctx.attempt)
        return value

    result = await play("A*3 -> B", {"A": node})
    assert calls == [1]
    assert [(error.node, error.code) for error in result.errors] == [("A", "output_not_serializable")]
    assert path in result.errors[0].message


async def test_an_output_beyond_the_limit_fails_the_node() -> None:
    options = {"limits": ValueLimits(output=1_000)}
    result = await play("A -> B", {"A": lambda: "x" * 1_000}, options=options)
    assert [(error.node, error.code) for error in result.errors] == [("A", "output_too_large")]
    fine = await play("A -> B", {"A": lambda: "x" * 998}, options=options)
    assert fine.status == "completed"


async def test_a_context_beyond_the_limit_fails_the_node_that_writes() -> None:
    async def writes(ctx: NodeContext) -> None:
        await ctx.context.set("k", "x" * 2_000)

    result = await play("A", {"A": writes}, options={"limits": ValueLimits(context=1_000)})
    assert [(error.node, error.code) for error in result.errors] == [("A", "context_too_large")]


@pytest.mark.parametrize("action", [1, ["x"], True, "\udc80"])
async def test_an_action_is_text(action: Any) -> None:
    result = await play("A -[x]-> B", {"A": lambda: NodeResult(1, action)})
    assert result.nodes["A"].state == "failed"


async def test_changing_the_input_does_not_change_what_others_see() -> None:
    def spoils(ctx: NodeContext) -> None:
        ctx.input["list"].append("spoiled")
        ctx.params["deep"]["list"].append("spoiled")

    def sees(ctx: NodeContext) -> Any:
        return ctx.input

    result = await play(
        "A -> B -> C<A>; A -> C",
        {"A": lambda: {"list": [1]}, "B": spoils, "C": sees},
        patch={"B": {"params": {"deep": "${{ A }}"}}},
    )
    assert result.nodes["A"].output == {"list": [1]}
    assert result.outputs == {"C": {"list": [1]}}


async def test_a_value_that_is_changed_after_it_was_returned_is_kept_as_it_was() -> None:
    kept: list[int] = [1]

    async def returns(ctx: NodeContext) -> list[int]:
        await ctx.context.set("k", kept)
        return kept

    def changes(ctx: NodeContext) -> None:
        kept.append(2)

    result = await play("A -> B -> C<A>; A -> C", {"A": returns, "B": changes})
    assert result.outputs == {"C": [1]}
    assert result.context == {"k": [1]}


async def test_idempotency_keys_are_the_same_over_attempts_and_differ_elsewhere() -> None:
    keys: dict[str, set[str]] = {}

    def node(ctx: NodeContext) -> None:
        keys.setdefault(ctx.instance, set()).add(ctx.idempotency_key)
        if ctx.attempt == 1:
            raise RuntimeError("again")

    await play(
        "A*2 -> B*2; B -> E:each([1, 2])",
        {"A": node, "B": node, "E": node},
        patch={"E": {"config": {"max_retries": 2}}},
    )
    assert set(keys) == {"A", "B", "E[0]", "E[1]"}
    assert all(len(found) == 1 for found in keys.values())
    assert len(set.union(*keys.values())) == 4


async def test_idempotency_keys_stay_over_the_attempts_of_a_subflow() -> None:
    keys: list[tuple[str, str]] = []

    def node(ctx: NodeContext) -> None:
        keys.append((ctx.run_id, ctx.idempotency_key))
        if len(keys) < 2:
            raise RuntimeError("again")

    child = blueprint("a", id="child")
    made = blueprint("N:sub(child)*2; M:sub(child)")
    process = runtime(made, {"a": node}, blueprints=[child], concurrency=1)
    await process.run(made, run_id="run")
    assert sorted(run for run, _ in keys) == ["run:M", "run:N", "run:N::2"]
    by_run = dict(keys)
    assert by_run["run:N"] == by_run["run:N::2"] != by_run["run:M"]


async def test_middleware_wraps_every_attempt_from_the_outside_in() -> None:
    told: list[str] = []

    def layer(name: str) -> Any:
        async def middleware(ctx: NodeContext, call_next: Any) -> Any:
            told.append(f"{name} before {ctx.instance} {ctx.attempt}")
            try:
                return await call_next(ctx)
            finally:
                told.append(f"{name} after")

        return middleware

    def node(ctx: NodeContext) -> None:
        told.append("node")
        if ctx.attempt == 1:
            raise RuntimeError("again")

    await play("A*2", {"A": node}, options={"middleware": [layer("outer"), layer("inner")]})
    once = ["outer before A {}", "inner before A {}", "node", "inner after", "outer after"]
    assert told == [line.format(1) for line in once] + [line.format(2) for line in once]


async def test_middleware_may_replace_a_result_and_its_errors_are_the_nodes() -> None:
    async def middleware(ctx: NodeContext, call_next: Any) -> Any:
        if ctx.node_id == "A":
            return "replaced"
        raise SystemExit("from middleware")

    result = await play("A -> B", options={"middleware": [middleware]})
    assert result.nodes["A"].output == "replaced"
    assert (result.nodes["B"].state, result.status) == ("failed", "failed")


async def test_a_sync_node_uses_the_context_without_await() -> None:
    def node(ctx: NodeContext) -> Any:
        ctx.context.set("k", [1])
        ctx.context.append("k", 2)
        ctx.context.increment("n", 5)
        ctx.context.delete("gone")
        return [
            ctx.context.get("k"),
            ctx.context.has("gone"),
            ctx.context.get("no", "default"),
            ctx.context.to_dict(),
        ]

    result = await play("A", {"A": node}, {"gone": 1})
    assert result.outputs["A"] == [[1, 2], False, "default", {"k": [1, 2], "n": 5}]
    assert result.context == {"k": [1, 2], "n": 5}


async def test_log_records_of_a_node_say_whose_they_are(caplog: pytest.LogCaptureFixture) -> None:
    def node(ctx: NodeContext) -> None:
        ctx.logger.warning("look: %s", 1)

    with caplog.at_level(logging.INFO, "flowcraft.node"):
        await play("E:each([1])", {"E": node})
    (record,) = caplog.records
    assert (record.getMessage(), record.run_id, record.node_id, record.attempt) == (
        "look: 1",
        "run",
        "E[0]",
        1,
    )  # type: ignore[attr-defined]


async def test_a_recover_that_fails_is_told_in_a_sentence_and_hides_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Class(BaseNode):
        def exec(self, value: Any, ctx: NodeContext) -> None:
            raise ValueError("first")

        def recover(self, error: BaseException, ctx: NodeContext) -> None:
            raise RuntimeError("worse")

    result = await play("A", {"A": Class})
    assert [error.message for error in result.errors] == ["first"]
    assert "recover() of node A failed: worse (RuntimeError at tests/unit/execution/" in caplog.text
    assert "Traceback" not in caplog.text


async def test_a_group_of_exceptions_is_told_by_those_in_it_and_where_they_were_raised() -> None:
    async def bad(number: int) -> None:
        raise ValueError(f"number {number}")

    async def several(ctx: NodeContext) -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(5):
                group.create_task(bad(number))

    (error,) = (await play("A", {"A": several})).errors
    assert error.message == (
        "unhandled errors in a TaskGroup (5 sub-exceptions): "
        "ValueError: number 0; ValueError: number 1; ValueError: number 2; and 2 more"
    )
    assert isinstance(error.cause, dict)
    assert (error.cause["type"], error.cause["function"]) == ("ValueError", "bad")


async def test_a_fatal_error_in_a_group_is_fatal() -> None:
    calls: list[int] = []

    def fatal(ctx: NodeContext) -> None:
        calls.append(1)
        raise ExceptionGroup("both", [ValueError(1), ExceptionGroup("inner", [FatalNodeError("stolen")])])

    await play("A", {"A": fatal}, patch={"A": {"config": {"max_retries": 3}}})
    assert calls == [1]
