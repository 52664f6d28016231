"""Fetches what an expression reads, and only that."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from flowcraft_engine.expressions import References, Scope
from flowcraft_engine.kernel.commands import ABSENT, Claim
from flowcraft_engine.nodes.context_buffer import AsyncContextView
from flowcraft_engine.stores.coordination_store import CoordinationStore, RunFacts
from flowcraft_engine.values import JsonObject, JsonValue


@dataclass(slots=True)
class Reading:
    """A scope, and the committed values of the context keys that went into it (`ABSENT` where there was none)."""

    scope: Scope
    context: dict[str, Any] = field(default_factory=dict)
    #: True if the whole context was read.
    is_whole: bool = False


async def read_scope(
    store: CoordinationStore,
    facts: RunFacts,
    claim: Claim,
    references: Iterable[References],
    view: AsyncContextView | None = None,
) -> Reading:
    """The scope for programs with these references, as the claimed instance sees it.

    `view` adds the node's own, not yet committed, context changes. `result`, `input` and `item` are left to the
    caller. The values belong to the store: programs do not change them.
    """
    nodes: set[str] = set()
    keys: set[str] = set()
    env: set[str] = set()
    all_nodes = all_context = inputs = False
    for reference in references:
        nodes |= reference.nodes
        keys |= reference.context
        env |= reference.env
        all_nodes = all_nodes or reference.all_nodes
        all_context = all_context or reference.all_context
        inputs = inputs or reference.inputs
    scope = Scope(inputs=await store.fill_in(facts.run_id, facts.inputs) if inputs else facts.inputs)
    if nodes or all_nodes:
        scope.outputs = await _outputs(store, facts, claim, facts.plan.node_ids if all_nodes else nodes)
    reading = Reading(scope, is_whole=all_context)
    if keys or all_context:
        committed = await (facts.context.read_all() if all_context else facts.context.read(tuple(keys)))
        for key in committed if all_context else keys:
            reading.context[key] = committed.get(key, ABSENT)
        scope.context = view.preview(committed) if view is not None else committed
    if env:
        scope.env = {name: os.environ[name] for name in env if name in os.environ}
    return reading


async def param_scope(
    store: CoordinationStore, facts: RunFacts, claim: Claim, references: References, value: JsonValue
) -> Scope:
    """The scope of params, for a node that receives `value`."""
    scope = (await read_scope(store, facts, claim, (references,))).scope
    scope.input, scope.item, scope.index = value, claim.item, claim.index
    return scope


async def _outputs(
    store: CoordinationStore, facts: RunFacts, claim: Claim, names: Iterable[str]
) -> JsonObject:
    wanted = sorted(names)
    node = facts.plan.nodes[claim.node_id]
    values: list[JsonValue] = await store.outputs(claim.run_id, wanted, claim.path, node.scopes)
    return dict(zip(wanted, values, strict=True))
