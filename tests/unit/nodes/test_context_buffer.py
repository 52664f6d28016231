"""The buffer of context changes that nodes write to."""

from __future__ import annotations

import asyncio
import time

import pytest

from flowcraft_engine.kernel.delta import changed_keys
from flowcraft_engine.nodes.context_buffer import AsyncContextView
from tests.unit.nodes.conftest import DictReader

pytestmark = pytest.mark.asyncio


async def test_appending_changes_no_list_of_others() -> None:
    committed, given = {"a": [1]}, [2]
    view = AsyncContextView(DictReader(committed))
    await view.append("a", given)
    seen = await view.get("a")
    await view.append("a", 3)
    await view.set("a", given)
    await view.append("a", 4)
    await view.append("a", 5)
    assert (committed, given, seen) == ({"a": [1]}, [2], [1, [2]])
    assert await view.get("a") == [2, 4, 5]
    assert view.changes == [
        ("append", "a", [2]),
        ("append", "a", 3),
        ("set", "a", [2]),
        ("append", "a", 4),
        ("append", "a", 5),
    ]
    assert changed_keys(committed, view.changes) == {"a": [2, 4, 5]}
    assert (committed, view.changes[2]) == ({"a": [1]}, ("set", "a", [2]))


async def test_appends_at_the_same_time_are_all_seen() -> None:
    view = AsyncContextView(DictReader({"a": [0]}))
    await asyncio.gather(view.append("a", 1), view.append("a", 2))
    await view.delete("a")
    await asyncio.gather(view.append("a", 3), view.append("a", 4))
    assert await view.get("a") == [3, 4]


async def test_the_cost_of_appending_does_not_depend_on_what_is_there() -> None:
    view = AsyncContextView(DictReader({}))
    began = time.process_time()
    for number in range(40_000):
        await view.append("a", number)
    assert view.changes is not None
    assert len(changed_keys({}, view.changes)["a"]) == 40_000
    assert time.process_time() - began < 1.5
