"""Objects that the hot path makes without their constructor have all of their fields, and the same ones."""

from __future__ import annotations

import inspect
from dataclasses import fields
from typing import Any

import pytest

from flowcraft_engine import NodeContext
from flowcraft_engine.kernel.commands import Claim, Commit, Committed
from flowcraft_engine.stores.memory_store import MemoryStore
from tests.unit.runtime.play import blueprint, runtime

pytestmark = pytest.mark.asyncio


class Watched(MemoryStore):
    """Keeps the commands and claims that pass through."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Any] = []

    async def commit(self, run_id: str, command: Commit) -> Committed:
        committed = await super().commit(run_id, command)
        self.seen += [command, *committed.claims]
        return committed


async def test_claims_and_commits_have_every_field() -> None:
    made = blueprint("A -> B")
    store = Watched()
    await runtime(made, store=store).run(made)
    assert {type(it) for it in store.seen} == {Claim, Commit}
    for it in store.seen:
        assert [field.name for field in fields(it) if not hasattr(it, field.name)] == []


async def test_a_node_context_has_every_field_and_is_made_of_what_its_constructor_takes() -> None:
    seen: list[NodeContext] = []

    async def keep(ctx: NodeContext) -> None:
        seen.append(ctx)

    made = blueprint("A")
    await runtime(made, {"A": keep}).run(made, run_id="run")
    (ctx,) = seen
    assert [slot for slot in NodeContext.__slots__ if not hasattr(ctx, slot)] == []
    given = {name: getattr(ctx, name, None) for name in inspect.signature(NodeContext).parameters}
    given |= {"idempotency_base": ctx._idempotency_base, "on_progress": ctx._on_progress, "plan": ctx._plan}
    again = NodeContext(**given)
    given_by_the_attempt = {"output", "page", "masker"}
    for slot in set(NodeContext.__slots__) - given_by_the_attempt:
        assert getattr(again, slot) == getattr(ctx, slot), slot
