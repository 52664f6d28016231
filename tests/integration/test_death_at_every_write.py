"""Death before and after every single write to the state file, one after the other: always the same end."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from flowcraft_engine import BackendError, FlowRuntime, NodeContext, NodeRegistry, RunResult, parse_blueprint
from flowcraft_engine.backends.sqlite import SqliteStore
from flowcraft_engine.clock import ManualClock
from tests.acceptance.notation import graph

MAIN = graph("A, B*2 -> J -> L; L:loop(X..X, n < 2); L -> N:sub(child) -> W:wait -> E")
CHILD = graph("a -> b", id="child")


class MortalStore(SqliteStore):
    """Dies at its `dies_at`-th write: what was not written is lost, its locks fall, and nothing works any more."""

    def __init__(self, path: Path, clock: ManualClock, dies_at: int, *, after: bool) -> None:
        self._writes = 0
        self._dies_at = dies_at
        self._after = after
        self.is_dead = False
        super().__init__(path, clock)

    def _begin(self) -> None:
        if self.is_dead:
            raise BackendError("dead")
        super()._begin()

    def _write_group(self) -> None:
        if self.is_dead:
            raise BackendError("dead")
        if not self._in_group:
            return
        self._writes += 1
        if self._writes == self._dies_at:
            if self._after:
                super()._write_group()
            self.die()
        super()._write_group()

    def die(self) -> None:
        self.is_dead = True
        self._db.close()
        for file in self._locks._held.values():
            file.close()
        raise BackendError("dead")


def _runtime(store: SqliteStore, clock: ManualClock, broken: set[str] | None = None) -> FlowRuntime:
    async def work(ctx: NodeContext) -> Any:
        await asyncio.sleep(0)
        if ctx.instance in (broken or ()):
            raise ValueError("broken")
        if ctx.node_id == "B" and ctx.attempt == 1:
            raise RuntimeError("not yet")
        if ctx.node_id == "X":
            return await ctx.context.increment("n")
        return [ctx.instance, ctx.input]

    registry = NodeRegistry()
    for name in ("A", "B", "J", "X", "E", "child.a", "child.b", "a", "b"):
        registry.register(work, name)
    return FlowRuntime(registry=registry, blueprints=[parse_blueprint(CHILD)], store=store, clock=clock)


async def _drive(store: SqliteStore, clock: ManualClock) -> RunResult:
    runtime = _runtime(store, clock)
    result = await runtime.run(parse_blueprint(MAIN), {"n": 0}, run_id="run")
    if result.status == "waiting":
        result = await runtime.resume("run", "W", output=7)
    return result


async def _drive_retry(store: SqliteStore, clock: ManualClock, broken: set[str]) -> RunResult:
    """A node of the sub-run is broken, and repaired when the run has failed; then the whole run is retried."""
    runtime = _runtime(store, clock, broken)
    result = await runtime.run(parse_blueprint(MAIN), {"n": 0}, run_id="run")
    if result.status == "failed":
        broken.clear()
        result = await runtime.retry("run")
    if result.status == "waiting":
        result = await runtime.resume("run", "W", output=7)
    return result


def _outcome(result: RunResult) -> Any:
    nodes = {name: (it.state, it.attempts, it.output) for name, it in result.nodes.items()}
    return result.status, result.outputs, result.context, nodes


async def _run(path: Path, dies_at: int, after: bool, *broken: str) -> tuple[Any, bool]:
    """The outcome, and whether there was a death on the way."""
    clock = ManualClock(jumps=True)
    mortal = MortalStore(path, clock, dies_at, after=after)
    still_broken = set(broken)

    async def drive(store: SqliteStore) -> RunResult:
        return await (_drive_retry(store, clock, still_broken) if broken else _drive(store, clock))

    try:
        result = await drive(mortal)
        await mortal.close()
        return _outcome(result), False
    except BackendError:
        assert mortal.is_dead
    heir = SqliteStore(path, clock)
    result = await drive(heir)
    await heir.close()
    return _outcome(result), True


@pytest.mark.parametrize("broken", [(), ("b",)], ids=["run", "retry"])
@pytest.mark.parametrize("after", [False, True], ids=["before the write", "after the write"])
def test_death_at_every_write_changes_nothing(after: bool, broken: tuple[str, ...], tmp_path: Path) -> None:
    expected, died = asyncio.run(_run(tmp_path / "undisturbed.db", 0, after, *broken))
    assert not died
    assert expected[0] == "completed"
    dies_at = 0
    while died or not dies_at:
        dies_at += 1
        found, died = asyncio.run(_run(tmp_path / f"{dies_at}.db", dies_at, after, *broken))
        assert found == expected, f"death at write {dies_at}"
    assert dies_at > 15
