"""Errors below, several callers at once, deep sub-runs: nobody waits for ever, nothing is left behind."""

from __future__ import annotations

import asyncio
import gc
import resource
from pathlib import Path
from typing import Any

import pytest

from flowcraft_engine import (
    BackendError,
    ConflictError,
    DramatiqRedisAdapter,
    FlowRuntime,
    NodeContext,
    NodeRegistry,
    NotFoundError,
    UsageError,
    node,
    parse_blueprint,
)
from flowcraft_engine.backends.sqlite import SqliteStore
from flowcraft_engine.clock import ManualClock
from flowcraft_engine.kernel.commands import Committed, Effects
from flowcraft_engine.runtime import engine
from flowcraft_engine.stores.memory_store import MemoryStore
from tests.unit.runtime.play import blueprint, play, runtime

pytestmark = pytest.mark.asyncio


class FailingStore(MemoryStore):
    """A store whose named verb cannot reach its backend any more."""

    def __init__(self, verb: str, clock: ManualClock) -> None:
        super().__init__(clock)
        self._verb = verb

    def _check(self, verb: str) -> None:
        if verb == self._verb:
            raise BackendError(f"no {verb}")

    async def claim(self, *args: Any) -> Any:
        self._check("claim")
        return await super().claim(*args)

    async def commit(self, *args: Any) -> Committed:
        self._check("commit")
        return await super().commit(*args)

    async def wake(self, *args: Any) -> Effects:
        self._check("wake")
        return await super().wake(*args)

    async def deliver(self, *args: Any, **more: Any) -> Effects:
        self._check("deliver")
        return await super().deliver(*args, **more)


@pytest.mark.parametrize("verb", ["claim", "commit", "wake", "deliver"])
async def test_an_error_of_the_backend_reaches_whoever_waits(verb: str) -> None:
    child = blueprint("a", id="child")
    made = blueprint("A -> S:sleep(10) -> N:sub(child)")
    clock = ManualClock(jumps=True)
    process = runtime(made, store=FailingStore(verb, clock), clock=clock, blueprints=[child])
    with pytest.raises(BackendError, match=verb):
        await asyncio.wait_for(process.run(made, run_id="run"), 30)


async def test_a_later_call_of_a_broken_runtime_does_not_hang() -> None:
    clock = ManualClock(jumps=True)
    made = blueprint("A")
    async with runtime(made, store=FailingStore("commit", clock), clock=clock) as process:
        for _ in range(2):
            with pytest.raises(BackendError):
                await asyncio.wait_for(process.run(made), 30)


async def test_a_run_that_others_end_and_retire_breaks_no_runtime(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_POLL_S", 0.0)
    made, clock = blueprint("W:wait"), ManualClock()
    mine, others = (SqliteStore(tmp_path / "state.db", clock) for _ in range(2))
    async with runtime(made, store=mine, clock=clock) as process:
        assert (await process.run(made, run_id="run")).status == "waiting"
        # In one moment, such as this process may have slept through.
        await others.cancel("run", None)
        await others.retire("run")
        while process._engine is not None and "run" in process._engine._adopted:
            await asyncio.sleep(0)
        assert (await process.run(made, run_id="next")).status == "waiting"
        with pytest.raises(NotFoundError):
            await process.resume("run")
    await mine.close()
    await others.close()


async def test_a_call_that_could_not_begin_keeps_nothing_going(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails() -> str:
        raise BackendError("no lock can be made")

    made = blueprint("A")
    process = runtime(made)
    with monkeypatch.context() as patch:
        patch.setattr(process.store, "claimant", fails)
        with pytest.raises(BackendError):
            await process.run(made)
    assert (await process.run(made)).status == "completed"
    assert process._engine is None, "it goes on although nobody uses it"


async def test_all_who_wait_for_a_run_are_told_of_its_end() -> None:
    go_on = asyncio.Event()

    async def waits(ctx: NodeContext) -> None:
        await go_on.wait()

    made = blueprint("A -> W:wait -> B")
    process = runtime(made, {"A": waits})
    await process.start(made, run_id="run")
    waiting = [asyncio.create_task(process.proceed("run")) for _ in range(5)]
    await asyncio.sleep(0.01)
    go_on.set()
    results = await asyncio.wait_for(asyncio.gather(*waiting), 30)
    assert {result.status for result in results} == {"waiting"}
    results = await asyncio.wait_for(asyncio.gather(*(process.resume("run", output=1) for _ in range(5))), 30)
    assert {result.status for result in results} == {"completed"}


async def test_cancelling_reaches_the_deepest_sub_run() -> None:
    depth = 6
    children = [
        blueprint("W:wait" if n == depth else f"N:sub(level{n + 1})", id=f"level{n}")
        for n in range(1, depth + 1)
    ]
    made = blueprint("N:sub(level1)")
    process = runtime(made, blueprints=children)
    assert (await process.run(made, run_id="run")).status == "waiting"
    await process.cancel("run", "enough")
    statuses = {it.run_id: it.status for it in await process.store.list_runs()}
    assert len(statuses) == depth + 1
    assert set(statuses.values()) == {"cancelled"}


async def test_a_sub_run_that_a_dead_process_forgot_to_cancel_is_cancelled_by_reconcile() -> None:
    child = blueprint("W:wait", id="child")
    made = blueprint("N:sub(child)")
    process = runtime(made, blueprints=[child])
    await process.run(made, run_id="run")
    await process.store.cancel("run", None)  # and nothing of what follows from it
    await process.reconcile("run")
    assert (await process.show("run:N")).status == "cancelled"


async def test_a_forgotten_run_does_not_stop_the_timers_of_others() -> None:
    clock = ManualClock()
    made = blueprint("S:sleep(5000) -> B")
    async with runtime(made, clock=clock) as process:
        running = [asyncio.create_task(process.run(made, run_id=name)) for name in ("gone", "kept")]
        while len(process.store._runs) < 2 or not all(  # type: ignore[attr-defined]
            run.state.waiting
            for run in process.store._runs.values()  # type: ignore[attr-defined]
        ):
            await asyncio.sleep(0)
        await process.cancel("gone")
        await process.store.retire("gone")
        clock.advance(5)
        assert (await asyncio.wait_for(running[1], 30)).status == "completed"
        await asyncio.gather(running[0], return_exceptions=True)


async def test_a_condition_whose_key_has_changed_is_evaluated_again() -> None:
    store = MemoryStore()
    seen: list[str] = []
    original = store.commit

    async def commit(run_id: str, command: Any) -> Committed:
        if command.instance == "A" and not seen:
            # Somebody else commits between the condition and the commit that rests on it.
            (claim,) = await store.claim("run", [("X", "x")], "other")
            await original(
                "run", type(command)("X", claim.nonce, type(command.outcome)(1, delta=[("set", "k", 9)]), "o")
            )
        committed = await original(run_id, command)
        seen.append(committed.status)
        return committed

    store.commit = commit  # type: ignore[method-assign]
    made = blueprint("A -(k > 5)-> B; A -(k < 5)-> C; X")
    process = runtime(made, store=store, concurrency=1)
    result = await process.run(made, {"k": 1}, run_id="run")
    assert seen[:2] == ["stale", "applied"]
    assert (result.nodes["B"].state, result.nodes["C"].state) == ("completed", "skipped")


async def test_increments_of_parallel_nodes_add_up_and_conflicts_fail_the_later() -> None:
    async def adds(ctx: NodeContext) -> None:
        await ctx.context.increment("n")
        await ctx.context.append("l", ctx.instance)
        await asyncio.sleep(0.001)

    result = await play("A; B; C", dict.fromkeys("ABC", adds))
    assert result.context["n"] == 3
    assert sorted(result.context["l"]) == ["A", "B", "C"]  # type: ignore[type-var, arg-type]

    sets_it = asyncio.Event()

    async def sets(ctx: NodeContext) -> None:
        await ctx.context.set("n", "text")

    async def adds_later(ctx: NodeContext) -> None:
        await ctx.context.increment("n")
        await asyncio.wait_for(sets_it.wait(), 30)

    async def tells(ctx: NodeContext) -> None:
        sets_it.set()

    result = await play("A; S -> T", {"A": adds_later, "S": sets, "T": tells})
    assert [(error.node, error.code) for error in result.errors] == [("A", "context_conflict")]


async def test_a_cancelled_run_tells_its_threads() -> None:
    began, seen = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def works(ctx: NodeContext) -> None:
        loop.call_soon_threadsafe(began.set)
        while not ctx.signal.is_set:
            pass
        loop.call_soon_threadsafe(seen.set)

    made = blueprint("A")
    process = runtime(made, {"A": works})
    running = asyncio.create_task(process.run(made, run_id="run"))
    await began.wait()
    await process.cancel("run")
    assert (await running).status == "cancelled"
    await asyncio.wait_for(seen.wait(), 30)


async def test_many_runs_one_after_the_other_leave_no_files_open(tmp_path: Path) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    made = blueprint("A")
    process = runtime(made, store=SqliteStore(tmp_path / "state.db"))
    resource.setrlimit(resource.RLIMIT_NOFILE, (128, hard))
    try:
        for _ in range(150):
            assert (await process.run(made)).status == "completed"
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        await process.store.close()


@pytest.mark.parametrize("run_id", ["", "a:b", "-a", "a" * 65, "a/b", "a\n", "ä", "a#1"])
async def test_an_id_that_could_be_mistaken_is_refused(run_id: str) -> None:
    with pytest.raises(UsageError, match="id of a run"):
        await play_with_id(run_id)


async def play_with_id(run_id: str) -> None:
    made = blueprint("A")
    await runtime(made).run(made, run_id=run_id)


async def test_a_finished_run_cannot_be_cancelled_or_answered() -> None:
    made = blueprint("W:wait")
    process = runtime(made)
    await process.run(made, run_id="run")
    await process.resume("run", output=1)
    with pytest.raises(ConflictError):
        await process.cancel("run")
    with pytest.raises(ConflictError):
        await process.answer("run", "W", output=2)
    assert await process.answer("run", "W", output=1) is False


@pytest.mark.parametrize("given", ["order.yaml", {"nodes": []}, None])
async def test_what_is_no_blueprint_is_refused_with_what_makes_one(given: Any) -> None:
    with pytest.raises(UsageError, match="a Blueprint is needed, not a") as caught:
        await FlowRuntime().run(given)
    assert caught.value.__notes__ == [
        "hint: load_blueprint(path) reads a file, parse_blueprint(data) takes a mapping"
    ]


@pytest.mark.parametrize("given", [[], asyncio])
async def test_what_is_no_registry_is_refused_at_once(given: Any) -> None:
    with pytest.raises(UsageError, match="a NodeRegistry is needed, not a"):
        FlowRuntime(registry=given)
    with pytest.raises(UsageError, match="a NodeRegistry is needed, not a"):
        DramatiqRedisAdapter("redis://127.0.0.1:6379", registry=given)


async def test_a_forgotten_await_is_named() -> None:
    @node("forgetful")
    async def forgetful(ctx: NodeContext) -> Any:
        return {"total": asyncio.sleep(0)}

    flow = parse_blueprint({"id": "f", "nodes": [{"id": "a", "uses": "forgetful"}]})
    with pytest.warns(RuntimeWarning, match="never awaited"):
        result = await FlowRuntime(registry=NodeRegistry([forgetful])).run(flow)
        gc.collect()
    assert result.errors[0].message == "$.total: a coroutine is not a JSON value: an await is missing"
