"""What a node receives: the input rule of the blueprint format, in one place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from flowcraft_engine.blueprint.input_source import OF_ITEMS, InputSource
from flowcraft_engine.kernel.commands import ABSENT, Claim
from flowcraft_engine.kernel.naming import Path
from flowcraft_engine.kernel.plan import PlanNode
from flowcraft_engine.kernel.received import givers, received
from flowcraft_engine.stores.coordination_store import RunFacts
from flowcraft_engine.values import JsonObject, JsonValue


class OutputSource(Protocol):
    """Where the outputs of other nodes come from: the store of the run, or a past state of it."""

    async def outputs(
        self, run_id: str, node_ids: Sequence[str], path: Path = (), scopes: tuple[str, ...] = ()
    ) -> list[JsonValue]:
        """As `CoordinationStore.outputs`."""
        ...

    async def fill_in(self, run_id: str, value: Any) -> Any:
        """As `CoordinationStore.fill_in`."""
        ...


async def node_input(store: OutputSource, facts: RunFacts, claim: Claim, node: PlanNode) -> JsonValue:
    """The input of a claimed instance. The value belongs to the store.

    An item of a `for_each` node receives its item. Otherwise `inputs` decides; without it, the one predecessor
    or the winner of an `any` join gives its output, several of an `all` join an object by predecessor, and a
    node without predecessors receives what its run was entered with.
    """
    if claim.input is not ABSENT:
        return claim.input  # type: ignore[no-any-return]  # a JSON value, unless absent
    if claim.index is not None:
        return claim.item
    while node.rescues is not None and node.inputs is None:
        # A fallback receives what the node that it stands in for has received; so do fallbacks of fallbacks.
        node = facts.plan.nodes[node.rescues]
    inputs = node.inputs
    if inputs is None:
        return await _from_predecessors(store, facts, claim, node)
    if isinstance(inputs, dict):
        return await resolve_sources(store, facts, claim, inputs, node.scopes)
    if inputs.is_node and claim.values and node.rescues is None:
        # An edge's transform has already been applied to that node's output: the first one's, in blueprint order.
        # The values of a fallback's claim came to the node that it stands in for.
        for name in givers(node, claim.arrivals, claim.winner):
            if name in claim.values:
                return claim.values[name]
    return await resolve_source(store, facts, claim, inputs, node.scopes)


async def _from_predecessors(store: OutputSource, facts: RunFacts, claim: Claim, node: PlanNode) -> JsonValue:
    if not node.predecessors:
        entry: JsonValue = await store.fill_in(facts.run_id, facts.entry)
        return entry
    if node.join == "all_done":
        return claim.outcomes
    names = givers(node, claim.arrivals, claim.winner)
    outputs = await store.outputs(claim.run_id, names, claim.path, node.scopes)
    made = claim.values or {}
    return received(
        node, names, [made.get(name, output) for name, output in zip(names, outputs, strict=True)]
    )


async def resolve_sources(
    store: OutputSource,
    facts: RunFacts,
    claim: Claim,
    sources: dict[str, InputSource],
    scopes: tuple[str, ...],
) -> JsonObject:
    return {key: await resolve_source(store, facts, claim, source, scopes) for key, source in sources.items()}


async def resolve_source(
    store: OutputSource, facts: RunFacts, claim: Claim, source: InputSource, scopes: tuple[str, ...]
) -> JsonValue:
    """The value of one source; null where its path leads nowhere.

    For an item of a `for_each` node, which names sources for its sub-run only, `item` and `index` are its own.
    """
    value: JsonValue
    if source.is_node:
        value = (await store.outputs(claim.run_id, (source.name,), claim.path, scopes))[0]
    elif claim.index is not None and source.name in OF_ITEMS:
        value = claim.item if source.name == "item" else claim.index
    else:
        value = (await facts.context.read((source.name,))).get(source.name)
    return walk(value, source.path)


def walk(value: JsonValue, path: tuple[str, ...]) -> JsonValue:
    """The value at the end of `path`, through objects by key and lists by index; null where it leads nowhere."""
    for part in path:
        if isinstance(value, dict):
            value = value.get(part)
        elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        else:
            return None
    return value
