"""What every store promises about the output of nodes."""

from __future__ import annotations

from typing import Any

import pytest

from flowcraft_engine import NotFoundError
from flowcraft_engine.stores.log_store import LogLine, LogPart
from tests.contracts.driver import Driver, plan_of

pytestmark = pytest.mark.asyncio


def part(text: str, run_id: str = "run", instance: str = "A", **more: Any) -> LogPart:
    return LogPart(run_id, instance, 1, 1, (LogLine(1.5, "stdout", None, text),), **more)


async def test_parts_come_back_in_the_order_of_writing_from_any_number_on(run: Driver) -> None:
    await run.begin("A; B")
    await run.claim("A")
    await run.store.write_logs([part("one"), part("two", instance="B")])
    await run.store.write_logs([part("three", left_out=7)])
    found = await run.store.read_logs("run")
    assert [(it.number, it.instance, it.lines[0].text) for it in found] == [
        (1, "A", "one"),
        (2, "B", "two"),
        (3, "A", "three"),
    ]
    assert found[0].lines == (LogLine(1.5, "stdout", None, "one"),)
    assert found[2].left_out == 7
    assert await run.store.read_logs("run", 2) == found[2:]
    assert await run.store.read_logs("run", 3) == []
    assert await run.store.read_logs("run", 1, limit=1) == found[1:2]
    assert await run.store.read_logs("run", limit=9) == found
    assert await run.store.last_log("run") == 3


async def test_a_run_that_has_said_nothing_has_no_last_part(run: Driver) -> None:
    await run.begin("A")
    assert await run.store.last_log("run") == 0


async def test_any_text_comes_back_as_it_was(run: Driver) -> None:
    await run.begin("A")
    await run.claim("A")
    for text in ("", "ünïcode 🎈", "\x1b[31mred\x00", "lone \udcff surrogate", "a\nb"):
        await run.store.write_logs([part(text)])
        assert (await run.store.read_logs("run"))[-1].lines[0].text == text


async def test_logs_of_runs_that_are_not_there_are_dropped(run: Driver) -> None:
    await run.store.write_logs([part("nobody")])
    with pytest.raises(NotFoundError):
        await run.store.read_logs("run")
    await run.begin("A")
    assert await run.store.read_logs("run") == []


async def test_logs_are_forgotten_with_their_run_and_its_sub_runs(store: Any, run: Driver) -> None:
    await run.begin("N:sub(child)")
    await run.begin_child("N")
    inner = Driver(store, run.clock, "run:N")
    await inner.start(plan_of("A", id="child"), parent=("run", "N"))
    await inner.claim("A")
    await store.write_logs([part("x"), part("y", run_id="run:N")])
    await store.cancel("run:N", None)
    await store.cancel("run", None)
    await store.retire("run")
    await run.begin("A")
    await inner.start(plan_of("A", id="child"), parent=("run", "N"))
    assert await store.read_logs("run") == await store.read_logs("run:N") == []


async def test_parts_are_added_behind_those_that_were_there_or_not_at_all(run: Driver) -> None:
    await run.begin("A")
    await run.claim("A")
    await run.store.write_logs([part("one"), part("two")], behind=0)
    await run.store.write_logs([part("two"), part("three")], behind=1)
    await run.store.write_logs([part("three")], behind=2)
    found = await run.store.read_logs("run")
    assert [(it.number, it.lines[0].text) for it in found] == [(1, "one"), (2, "two"), (3, "three")]
