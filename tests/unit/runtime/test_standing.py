"""What a run says of itself while it is under way, and what it refuses."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest

from flowcraft_engine import ConflictError, NodeContext, ValueLimits
from flowcraft_engine.backends.sqlite import SqliteStore
from tests.unit.runtime.play import blueprint, play, runtime

pytestmark = pytest.mark.asyncio


async def test_a_run_whose_sub_run_works_is_running_and_not_waiting() -> None:
    made = blueprint("N:sub(c)")
    inner = blueprint("a", id="c")
    gate, entered = asyncio.Event(), asyncio.Event()

    async def work(ctx: NodeContext) -> None:
        entered.set()
        await gate.wait()

    process = runtime(made, {"a": work}, blueprints=[inner])
    running = asyncio.create_task(process.run(made, run_id="run"))
    await asyncio.wait_for(entered.wait(), 30)
    shown = await process.show("run")
    assert shown.status == "running"
    assert [(wait.node, wait.asked) for wait in shown.waiting] == [("N", 0)]
    gate.set()
    assert (await running).status == "completed"


async def test_a_run_whose_sub_run_waits_for_a_person_waits() -> None:
    made = blueprint("N:sub(c)")
    process = runtime(made, blueprints=[blueprint("w:wait", id="c")])
    assert (await process.run(made, run_id="run")).status == "waiting"


async def test_the_same_answer_to_an_ended_run_changes_nothing_even_without_a_name() -> None:
    made = blueprint("W:wait")
    process = runtime(made)
    await process.run(made, run_id="run")
    await process.resume("run", output={"by": "Ann"})
    assert (await process.resume("run", output={"by": "Ann"})).status == "completed"
    with pytest.raises(ConflictError, match="already ended"):
        await process.resume("run", output={"by": "Bob"})


async def test_an_answer_that_is_equal_only_to_python_is_another_answer() -> None:
    made = blueprint("W:wait")
    process = runtime(made)
    await process.run(made, run_id="run")
    await process.resume("run", "W", output=1)
    with pytest.raises(ConflictError):
        await process.answer("run", "W", output=True)


async def test_inputs_that_are_equal_only_to_python_are_other_inputs() -> None:
    made = blueprint("A")
    process = runtime(made)
    await process.run(made, {"n": 1}, run_id="run")
    with pytest.raises(ConflictError, match="other inputs"):
        await process.run(made, {"n": True}, run_id="run")


async def test_an_early_answer_is_for_a_node_and_not_for_one_iteration_of_it() -> None:
    made = blueprint("V:wait -> L:loop(W..W, false)", patch={"W": {"uses": "wait"}})
    process = runtime(made)
    await process.run(made, run_id="run")
    with pytest.raises(ConflictError, match="W#3"):
        await process.answer("run", "W#3", output=1)
    assert await process.answer("run", "W", output=1)


async def test_many_small_writes_cannot_outgrow_the_context_limit() -> None:
    async def write(ctx: NodeContext) -> None:
        await ctx.context.set(f"key-{ctx.instance}", "x" * 90)

    options = {"limits": ValueLimits(context=1_000), "concurrency": 1}
    result = await play("E:each(list)", {"E": write}, {"list": list(range(20))}, options=options)
    assert [error.code for error in result.errors] == ["context_too_large"]
    assert 0 < len(result.context) < 11


async def test_a_key_that_is_replaced_again_and_again_does_not_use_up_the_limit() -> None:
    async def write(ctx: NodeContext) -> None:
        await ctx.context.set("same", "x" * 500)

    options = {"limits": ValueLimits(context=1_000), "concurrency": 1}
    result = await play("E:each(list)", {"E": write}, {"list": list(range(20))}, options=options)
    assert result.status == "completed"


async def test_two_stores_on_one_file_take_turns_in_one_event_loop(tmp_path: Path) -> None:
    made = blueprint("A -> B -> C")
    stores = [SqliteStore(tmp_path / "state.db") for _ in range(2)]
    runs = [runtime(made, store=store).run(made, run_id=f"run{n}") for n, store in enumerate(stores)]
    results = await asyncio.wait_for(asyncio.gather(*runs), 30)
    assert [result.status for result in results] == ["completed", "completed"]
    for store in stores:
        await store.close()


async def test_a_call_that_comes_while_the_engine_stops_goes_on_with_what_was_handed_back() -> None:
    made = blueprint("A")
    calls: list[int] = []

    async def work(ctx: NodeContext) -> str:
        calls.append(1)
        if len(calls) == 1:
            try:
                await asyncio.sleep(60)
            finally:
                await asyncio.sleep(0.02)
        return "done"

    process = runtime(made, {"A": work})
    first = asyncio.create_task(process.run(made, run_id="run"))
    while not calls:
        await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    second = await asyncio.wait_for(process.proceed("run"), 30)
    assert (second.status, len(calls)) == ("completed", 2)
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_a_wait_whose_schema_is_none_fails_before_anybody_is_asked() -> None:
    wait = {"uses": "wait", "params": {"schema": {"type": "${{ kind }}"}}}
    result = await play("W", inputs={"kind": "objekt"}, patch={"W": wait})
    assert (result.status, [error.code for error in result.errors]) == ("failed", ["input_invalid"])
    assert "not a JSON Schema" in result.errors[0].message


async def test_the_late_result_of_a_node_that_heeds_no_cancellation_is_refused() -> None:
    async def stubborn(ctx: NodeContext) -> str:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(5)
        return "late"

    result = await play("A", {"A": stubborn}, patch={"A": {"config": {"timeout": "20ms"}}})
    assert (result.status, [error.code for error in result.errors]) == ("failed", ["timeout"])


async def test_a_sub_run_that_is_cancelled_while_its_parent_runs_here_lets_the_parent_go_on() -> None:
    made = blueprint("N:sub(c)!F; F", patch={"N": {"config": {"max_retries": 3}}})
    inner = blueprint("a", id="c")
    entered = asyncio.Event()

    async def work() -> None:
        entered.set()
        await asyncio.Event().wait()

    process = runtime(made, {"a": work, "F": lambda: "instead"}, blueprints=[inner])
    running = asyncio.create_task(process.run(made, run_id="run"))
    await asyncio.wait_for(entered.wait(), 30)
    await process.cancel("run:N")
    result = await asyncio.wait_for(running, 30)
    assert (result.status, result.outputs) == ("completed", {"F": "instead"})
    assert result.nodes["N"].attempts == 1


@pytest.mark.parametrize("node", [None, "N", "N[0]", "run:N[0]:M"])
async def test_the_same_answer_again_is_no_conflict_in_a_sub_run_either(node: str | None) -> None:
    inner = blueprint("M:sub(innermost)", id="inner")
    innermost = blueprint("W:wait -> X", id="innermost")
    made = blueprint("N:sub(inner)", {"N": {"for_each": [1]}})
    process = runtime(made, blueprints=[inner, innermost])
    assert (await process.run(made, run_id="run")).status == "waiting"
    await process.resume("run", node, output={"by": "Ann"})
    assert (await process.resume("run", node, output={"by": "Ann"})).status == "completed"
    with pytest.raises(ConflictError, match="has already ended: completed"):
        await process.resume("run", node, output={"by": "Bob"})


async def test_an_item_that_does_not_wait_yet_is_no_unknown_node() -> None:
    made = blueprint("W:wait", {"W": {"for_each": [1, 2], "concurrency": 1}})
    process = runtime(made)
    await process.run(made, run_id="run")
    with pytest.raises(ConflictError, match=r"'W\[1\]' does not wait \(yet\)"):
        await process.resume("run", "W[1]", output=1)
