"""Retry, rerun and pause of whole trees of runs, executed."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from flowcraft_engine import ConflictError, FlowRuntime, NodeContext, parse_blueprint
from flowcraft_engine.backends.sqlite import SqliteStore
from flowcraft_engine.execution import repair
from tests.acceptance.notation import child
from tests.unit.runtime.play import blueprint, runtime

pytestmark = pytest.mark.asyncio


class Shaky:
    """Nodes that fail until told otherwise, and note who called them, with which key."""

    def __init__(self, *broken: str) -> None:
        self.broken = set(broken)
        self.calls: Counter[str] = Counter()
        self.keys: dict[str, list[str]] = {}
        self.gate: asyncio.Event | None = None

    async def __call__(self, ctx: NodeContext) -> Any:
        name = f"{ctx.run_id.partition(':')[2]}/{ctx.instance}".lstrip("/")
        self.calls[name] += 1
        self.keys.setdefault(name, []).append(ctx.idempotency_key)
        if self.gate is not None:
            await self.gate.wait()
        if name in self.broken or ctx.instance in self.broken:
            raise ValueError("broken")
        return ctx.input if ctx.input is not None else name


def shaky_runtime(node: Shaky, text: str, children: dict[str, str] | None = None, **options: Any) -> Any:
    made = blueprint(text)
    inner = [parse_blueprint(child(name, its)) for name, its in (children or {}).items()]
    used = {it.uses for one in (made, *inner) for it in one.nodes}

    async def run(ctx: NodeContext) -> Any:
        return await node(ctx)

    nodes = {name: run for name in used if name not in ("subflow", "wait", "sleep")}
    return made, runtime(made, nodes, blueprints=inner, **options)


async def test_a_failed_sub_run_is_retried_inside() -> None:
    node = Shaky("Y")
    made, flow = shaky_runtime(node, "A -> N:sub(child) -> B", {"child": "X -> Y -> Z"})
    result = await flow.run(made, run_id="run")
    assert result.status == "failed"
    node.broken.clear()
    result = await flow.retry("run")
    assert (result.status, result.generation) == ("completed", 2)
    assert node.calls == {"A": 1, "N/X": 1, "N/Y": 2, "N/Z": 1, "B": 1}
    assert len(set(node.keys["N/Y"])) == 1, "the same key"
    assert (await flow.show("run:N")).generation == 2


async def test_sub_runs_of_sub_runs_and_of_items_are_retried_inside() -> None:
    node = Shaky("Y")
    made, flow = shaky_runtime(node, "E:each([1, 2]) -> B", {"outer": "M:sub(inner)", "inner": "X -> Y"})
    made = parse_blueprint(
        {
            "id": "main",
            "nodes": [
                {"id": "E", "uses": "subflow", "for_each": [1, 2], "params": {"blueprint_id": "outer"}},
                {"id": "B", "uses": "B", "needs": ["E"]},
            ],
        }
    )
    assert (await flow.run(made, run_id="run")).status == "failed"
    node.broken.clear()
    result = await flow.retry("run")
    assert result.status == "completed", result.errors
    assert {name: count for name, count in node.calls.items() if name.endswith("X")} == {
        "E[0]:M/X": 1,
        "E[1]:M/X": 1,
    }
    assert node.calls["B"] == 1


async def test_a_rerun_of_a_parent_makes_new_sub_runs_with_new_keys() -> None:
    node = Shaky()
    made, flow = shaky_runtime(node, "N:sub(child) -> B", {"child": "X"})
    await flow.run(made, run_id="run")
    result = await flow.rerun("run", "N")
    assert result.status == "completed"
    assert result.nodes["N"].child_run_id == "run:N::g2"
    assert node.keys["N/X"][0] != node.keys["N::g2/X"][0]
    assert len(set(node.keys["B"])) == 2


async def test_a_rerun_inside_a_sub_run_reaches_the_runs_above() -> None:
    node = Shaky()
    made, flow = shaky_runtime(node, "A -> N:sub(outer) -> B", {"outer": "M:sub(inner)", "inner": "X -> Y"})
    await flow.run(made, run_id="run")
    result = await flow.rerun("run:N:M", "Y")
    assert result.status == "completed"
    assert node.calls == {"A": 1, "N:M/X": 1, "N:M/Y": 2, "B": 2}
    assert [(await flow.show(name)).generation for name in ("run", "run:N", "run:N:M")] == [2, 2, 2]


async def test_a_sub_run_whose_result_is_not_used_cannot_be_run_again() -> None:
    node = Shaky()
    made, flow = shaky_runtime(node, "N:sub(child)", {"child": "X"})
    await flow.run(made, run_id="run")
    await flow.rerun("run", "N")
    with pytest.raises(ConflictError, match="has begun anew"):
        await flow.rerun("run:N", "X")
    with pytest.raises(ConflictError, match="sub-run"):
        await flow.retry("run:N")


async def test_a_cancelled_tree_goes_on_where_it_was() -> None:
    node = Shaky()
    made, flow = shaky_runtime(node, "A -> N:sub(child) -> B", {"child": "X -> W:wait -> Y"})
    assert (await flow.run(made, run_id="run")).status == "waiting"
    assert (await flow.cancel("run")).status == "cancelled"
    assert (await flow.show("run:N")).status == "cancelled"
    assert (await flow.retry("run")).status == "waiting"
    result = await flow.resume("run", output="go on")
    assert result.status == "completed"
    assert node.calls == {"A": 1, "N/X": 1, "N/Y": 1, "B": 1}


async def test_a_preview_changes_nothing() -> None:
    node = Shaky("Y")
    made, flow = shaky_runtime(node, "N:sub(child) -> B", {"child": "X -> Y"})
    await flow.run(made, run_id="run")
    inner, outer = await repair.preview_retry(flow.store, "run")
    assert (inner.run_id, inner.anew, inner.goes_on) == ("run:N", ("Y",), ())
    assert (outer.run_id, outer.anew, outer.goes_on) == ("run", ("B",), ("N",))
    assert (await flow.show("run")).generation == 1


async def test_what_follows_anew_does_not_retry_its_old_sub_run() -> None:
    """N ran because it waits for all ends; with A repeated it begins anew, and its old sub-run stays failed."""
    node = Shaky("A", "X")
    made, flow = shaky_runtime(node, "A -> N:done; N:sub(child)", {"child": "X"})
    await flow.run(made, run_id="run")
    node.broken.clear()
    result = await flow.retry("run")
    assert result.status == "completed"
    assert result.nodes["N"].child_run_id == "run:N::g2"
    assert (await flow.show("run:N")).status == "failed"


async def test_a_paused_run_lets_its_command_end_and_goes_on_later() -> None:
    node = Shaky()
    node.gate = asyncio.Event()
    made, flow = shaky_runtime(node, "N:sub(child) -> B", {"child": "X -> Y"})
    async with flow:
        running = asyncio.create_task(flow.run(made, run_id="run"))
        while not node.calls:
            await asyncio.sleep(0)
        assert await flow.pause("run")
        assert (await flow.show("run")).status == "paused"
        node.gate.set()
        result = await running
        assert (result.status, node.calls) == ("paused", {"N/X": 1})
        assert (await flow.show("run:N")).status == "paused"
        assert not await flow.pause("run")
        result = await flow.unpause("run")
        assert (result.status, node.calls) == ("completed", {"N/X": 1, "N/Y": 1, "B": 1})
        with pytest.raises(ConflictError):
            await flow.pause("run")


async def test_an_answer_to_a_paused_run_is_kept() -> None:
    node = Shaky()
    made, flow = shaky_runtime(node, "W:wait -> A")
    await flow.run(made, run_id="run")
    await flow.pause("run")
    assert (await flow.resume("run", output=1)).status == "paused"
    assert (await flow.unpause("run")).status == "completed"


async def test_another_process_sees_the_generation_that_was_begun_here(tmp_path: Path) -> None:
    node = Shaky("A")
    one, two = (SqliteStore(tmp_path / "state.db") for _ in range(2))
    made, first = shaky_runtime(node, "A -> B", store=one)
    _, second = shaky_runtime(node, "A -> B", store=two)
    assert (await first.run(made, run_id="run")).status == "failed"
    assert (await second.show("run")).status == "failed"
    assert (await second.retry("run")).status == "failed"
    node.broken.clear()
    result = await first.retry("run")
    assert (result.status, result.generation) == ("completed", 3)
    await two.refresh()
    assert (await second.show("run")).generation == 3
    await one.close()
    await two.close()


async def test_a_memory_store_does_not_forget_a_run_that_has_begun_again() -> None:
    from flowcraft_engine.stores.memory_store import MemoryStore

    store = MemoryStore(keep_finished=1)
    node = Shaky("A")
    made, flow = shaky_runtime(node, "A -> W:wait", store=store)
    await flow.run(made, run_id="run")
    node.broken.clear()
    await flow.retry("run")
    other = blueprint("A", id="other")
    for _ in range(3):
        await flow.run(other)
    assert (await flow.resume("run", output=1)).status == "completed"
    assert isinstance(flow, FlowRuntime)
