"""The news of a run and of its sub-runs: everything once, in order, although nobody told of the sub-runs."""

from __future__ import annotations

from typing import Any

import pytest

from flowcraft_cli.watching.progress import Line
from flowcraft_cli.watching.run_news import RunNews
from flowcraft_cli.watching.watcher import Watcher
from flowcraft_engine import FlowRuntime, parse_blueprint
from flowcraft_engine.history.run_result import WaitingNode

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

    def changed(self, line: Line, event: Any) -> None:
        self.changes.append((line.instance, line.state))

    def blocked(self, line: Line) -> None:
        self.missing.append(line.missing)


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
