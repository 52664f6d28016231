"""Retries, timeouts and deadlines."""

from __future__ import annotations

import asyncio
import threading
import time
from itertools import pairwise
from typing import Any

import pytest

from flowcraft_engine import NodeContext
from flowcraft_engine.clock import ManualClock
from tests.unit.runtime.play import blueprint, play, runtime

pytestmark = pytest.mark.asyncio


async def test_retries_wait_for_delay_times_backoff() -> None:
    clock = ManualClock(jumps=True)
    began: list[float] = []

    async def flaky(ctx: NodeContext) -> int:
        began.append(clock.now())
        if ctx.attempt < 3:
            raise RuntimeError("not yet")
        return 1

    patch = {"A": {"config": {"retry_delay": "200ms", "backoff": 3, "jitter": 0}}}
    result = await play("A*3", {"A": flaky}, patch=patch, options={"clock": clock})
    assert result.status == "completed"
    assert [round(b - a, 6) for a, b in pairwise(began)] == [0.2, 0.6]


async def test_a_retrying_node_holds_no_place() -> None:
    clock = ManualClock(jumps=True)
    order: list[str] = []

    async def work(ctx: NodeContext) -> None:
        order.append(ctx.instance)
        if ctx.node_id == "A" and ctx.attempt == 1:
            raise RuntimeError("not yet")

    patch = {"A": {"config": {"retry_delay": "1h"}}}
    options = {"clock": clock, "concurrency": 1}
    result = await play("A*2; B -> C", {"A": work, "B": work, "C": work}, patch=patch, options=options)
    assert result.status == "completed"
    assert order == ["A", "B", "C", "A"]


@pytest.mark.parametrize("kind", ["async", "sync", "shell"])
async def test_an_attempt_is_over_when_its_timeout_has_passed(kind: str) -> None:
    over = threading.Event()

    async def slow(ctx: NodeContext) -> None:
        await asyncio.sleep(30)

    def block(ctx: NodeContext) -> None:
        over.wait(30)

    nodes: dict[str, Any] = {"A": slow if kind == "async" else block}
    patch: dict[str, Any] = {"A": {"config": {"timeout": "50ms"}}}
    if kind == "shell":
        patch["A"] |= {"uses": "shell", "params": {"run": "exec sleep 30"}}
        nodes = {}
    began = time.monotonic()
    result = await play("A -> B", nodes, patch=patch)
    over.set()
    assert time.monotonic() - began < 25
    assert (result.status, result.nodes["B"].state) == ("failed", "poisoned")
    assert [(error.node, error.code) for error in result.errors] == [("A", "timeout")]
    assert "50ms" in result.errors[0].message


async def test_the_late_result_of_a_timed_out_thread_is_refused() -> None:
    over = threading.Event()
    written = threading.Event()

    def work(ctx: NodeContext) -> str:
        if ctx.attempt == 1:
            over.wait(30)
            ctx.context.set("late", True)
            written.set()
            return "late"
        over.set()
        written.wait(30)
        return "second"

    patch = {"A": {"config": {"timeout": "100ms", "max_retries": 2}}}
    result = await play("A", {"A": work}, patch=patch)
    assert result.outputs == {"A": "second"}
    assert "late" not in result.context


async def test_a_run_ends_with_its_deadline_and_interrupts_what_runs() -> None:
    stopped = asyncio.Event()

    async def slow(ctx: NodeContext) -> None:
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            stopped.set()
            raise

    result = await play("A -> B; W:wait", {"A": slow}, metadata={"timeout": "50ms"})
    assert result.status == "failed"
    assert [(error.node, error.code) for error in result.errors] == [(None, "run_timeout")]
    assert stopped.is_set()
    assert {node.state for node in result.nodes.values()} == {"cancelled"}


async def test_a_deadline_that_passed_while_nobody_looked_ends_the_run() -> None:
    clock = ManualClock()
    made = blueprint("W:wait", metadata={"timeout": "1h"})
    process = runtime(made, clock=clock)
    assert (await process.run(made, run_id="run")).status == "waiting"
    clock.advance(3601)
    result = await process.reconcile("run")
    assert (result.status, result.errors[0].code) == ("failed", "run_timeout")


async def test_a_wait_that_timed_out_while_nobody_looked_has_failed() -> None:
    clock = ManualClock()
    made = blueprint("W:wait -> E", {"W": {"params": {"timeout": "1h"}}})
    process = runtime(made, clock=clock)
    assert (await process.run(made, run_id="run")).status == "waiting"
    clock.advance(3601)
    result = await process.reconcile("run")
    assert (result.status, result.errors[0].code) == ("failed", "timeout")


@pytest.mark.parametrize(
    ("child", "code"),
    [
        ({"metadata": {"timeout": "1h"}}, "run_timeout"),
        ({"patch": {"W": {"params": {"timeout": "1h"}}}}, "timeout"),
    ],
)
async def test_what_passed_in_a_sub_run_while_nobody_looked_ends_the_run_above_at_once(
    child: dict[str, Any], code: str
) -> None:
    clock = ManualClock()
    inner = blueprint("W:wait", id="inner", **child)
    made = blueprint("S:sub(inner) -> E")
    process = runtime(made, clock=clock, blueprints=[inner])
    assert (await process.run(made, run_id="run")).status == "waiting"
    clock.advance(3601)
    result = await process.proceed("run")
    assert (result.status, result.errors[0].code) == ("failed", "subflow_failed")
    assert (result.errors[0].cause or {})["code"] == code
