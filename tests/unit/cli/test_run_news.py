"""The news of a run and of its sub-runs: everything once, in order, although nobody told of the sub-runs."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from flowcraft_cli.following import Blockade
from flowcraft_cli.watching.progress import Line
from flowcraft_cli.watching.run_news import RunNews
from flowcraft_cli.watching.watcher import SilentWatcher, Watcher
from flowcraft_engine import FlowRuntime, parse_blueprint
from flowcraft_engine.execution.repair import rerun
from flowcraft_engine.history.run_result import WaitingNode
from flowcraft_engine.stores.log_store import LogLine, LogPart
from flowcraft_engine.stores.memory_store import MemoryStore

CHILD = parse_blueprint({"id": "child", "nodes": [{"id": "in", "uses": "noop"}]})
PARENT = parse_blueprint(
    {
        "id": "parent",
        "nodes": [
            {"id": "first", "uses": "noop"},
            {"id": "sub", "uses": "subflow", "needs": ["first"], "params": {"blueprint_id": "child"}},
        ],
    }
)


class Heard(Watcher):
    def __init__(self) -> None:
        super().__init__()
        self.changes: list[tuple[str, str]] = []
        self.missing: list[str | None] = []
        self.said_lines: list[tuple[str, str, str]] = []

    def changed(self, line: Line, event: Any) -> None:
        self.changes.append((line.instance, line.state))

    def blocked(self, line: Line) -> None:
        self.missing.append(line.missing)

    def log(self, at: float, name: str, level: str, text: str) -> None:
        self.said_lines.append((name, level, text))


@pytest.mark.asyncio
async def test_a_sub_run_that_was_over_before_anybody_looked_is_told() -> None:
    runtime = FlowRuntime(blueprints=[CHILD])
    result = await runtime.run(PARENT)
    watcher = Heard()
    watcher.follow(result.run_id, ["first", "sub"])
    news = RunNews(runtime.store, watcher, result.run_id)
    assert await news.look()
    assert ("in", "completed") in watcher.changes
    assert watcher.changes.count(("sub", "completed")) == 1
    assert not await news.look()


@pytest.mark.asyncio
async def test_what_happened_before_is_taken_in_without_being_told() -> None:
    runtime = FlowRuntime(blueprints=[CHILD])
    result = await runtime.run(PARENT)
    watcher = Heard()
    watcher.follow(result.run_id, ["first", "sub"])
    news = RunNews(runtime.store, watcher, result.run_id)
    await news.catch_up()
    assert not await news.look()
    assert watcher.changes == []
    assert watcher.progress.counts()["completed"] == 2


def test_what_is_blocked_is_told_once_for_each_reason() -> None:
    watcher = Heard()
    watcher.follow("r", ["a"])
    for message in ("needs x@1", "needs x@1", "needs x@2"):
        watcher.on_blocked([WaitingNode("a", "worker", None, message=message)])
    watcher.on_blocked([])
    assert watcher.missing == ["needs x@1", "needs x@2"]
    assert watcher.progress.in_order()[0].missing is None


def test_a_worker_that_only_starts_again_is_no_reason_to_tell_of_a_blocked_run() -> None:
    watcher = Heard()
    watcher.follow("r", ["a"])
    blockade = Blockade(watcher)
    waits = [WaitingNode("a", "worker", None, message="needs x; no worker is online")]
    for now in (10.0, 10.5, 11.5):
        blockade.note(waits, now)
    blockade.note([], 11.9)
    for now in (20.0, 21.5):
        blockade.note(waits, now)
    assert watcher.missing == []
    blockade.note(waits, 22.0)
    assert watcher.missing == ["needs x; no worker is online"]
    blockade.note([], 22.5)
    assert watcher.progress.in_order()[0].missing is None


TALK = parse_blueprint(
    {
        "id": "parent",
        "nodes": [
            {"id": "tell", "uses": "log", "params": {"message": "out there", "level": "warning"}},
            {"id": "sub", "uses": "subflow", "needs": ["tell"], "params": {"blueprint_id": "talker"}},
            {"id": "loud", "uses": "shell", "params": {"run": "echo first; echo second"}},
        ],
    }
)
TALKER = parse_blueprint(
    {"id": "talker", "nodes": [{"id": "in", "uses": "log", "params": {"message": "within"}}]}
)


async def _talked(store: Any = None) -> tuple[FlowRuntime, str]:
    runtime = FlowRuntime(blueprints=[TALKER], store=store)
    return runtime, (await runtime.run(TALK)).run_id


def _following(watcher: Watcher, run_id: str) -> None:
    watcher.follow(run_id, ["tell", "sub", "loud"])


@pytest.mark.asyncio
async def test_what_nodes_print_and_log_is_told_once_of_sub_runs_too() -> None:
    runtime, run_id = await _talked()
    watcher = Heard()
    _following(watcher, run_id)
    news = RunNews(runtime.store, watcher, run_id)
    await news.look()
    await news.settle()
    assert sorted(watcher.said_lines) == [
        ("loud", "INFO", "first"),
        ("loud", "INFO", "second"),
        ("sub › in", "INFO", "within"),
        ("tell", "WARNING", "out there"),
    ]


@pytest.mark.asyncio
async def test_only_lines_from_the_wanted_level_on_are_told() -> None:
    runtime, run_id = await _talked()
    watcher = Heard()
    _following(watcher, run_id)
    await RunNews(runtime.store, watcher, run_id, level=logging.WARNING).settle()
    assert watcher.said_lines == [("tell", "WARNING", "out there")]


@pytest.mark.asyncio
async def test_what_nodes_said_before_somebody_looked_is_not_told() -> None:
    runtime, run_id = await _talked()
    watcher = Heard()
    _following(watcher, run_id)
    news = RunNews(runtime.store, watcher, run_id)
    await news.catch_up()
    await news.settle()
    assert watcher.said_lines == []


class Counting(MemoryStore):
    asked: list[int | None]

    async def read_logs(self, run_id: str, after: int = 0, *, limit: int | None = None) -> list[LogPart]:
        self.__dict__.setdefault("asked", []).append(limit)
        return await super().read_logs(run_id, after, limit=limit)


@pytest.mark.asyncio
async def test_nobody_is_asked_for_output_that_nobody_watches_and_never_for_all_at_once() -> None:
    store = Counting()
    runtime, run_id = await _talked(store)
    news = RunNews(runtime.store, SilentWatcher(), run_id)
    await news.look()
    await news.settle()
    assert "asked" not in vars(store)
    watcher = Heard()
    _following(watcher, run_id)
    many = [LogPart(run_id, "loud", 1, 1, (LogLine(1.0, "stdout", None, str(n)),)) for n in range(1000)]
    await store.write_logs(many)
    await RunNews(runtime.store, watcher, run_id).settle()
    assert len(watcher.said_lines) == 1004
    assert all(limit is not None and limit <= 500 for limit in store.asked)


@pytest.mark.asyncio
async def test_what_a_later_generation_does_is_told_in_sub_runs_too() -> None:
    runtime = FlowRuntime(blueprints=[CHILD])
    run_id = (await runtime.run(PARENT)).run_id
    watcher = Heard()
    watcher.follow(run_id, ["first", "sub"])
    news = RunNews(runtime.store, watcher, run_id)
    await news.catch_up()
    for again in (1, 2):
        await rerun(runtime.store, f"{run_id}:sub", "in")
        await runtime.proceed(run_id)
        assert await news.look()
        assert watcher.changes.count(("in", "completed")) == again
        assert watcher.changes.count(("sub", "completed")) == again
    late = Heard()
    late.follow(run_id, ["first", "sub"])
    news = RunNews(runtime.store, late, run_id)
    await rerun(runtime.store, run_id, "first")
    await news.catch_up()
    await runtime.proceed(run_id)
    assert await news.look()
    assert ("first", "completed") in late.changes
    assert ("in", "completed") in late.changes
