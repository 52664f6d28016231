"""What each node received. Not stored anywhere: the history is folded again, and asked as each attempt begins."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from flowcraft_engine.execution.inputs import node_input
from flowcraft_engine.kernel import event as ev
from flowcraft_engine.kernel.claims import claim_of
from flowcraft_engine.kernel.event import Event
from flowcraft_engine.kernel.fold import extend
from flowcraft_engine.kernel.locate import locate
from flowcraft_engine.kernel.naming import END, Path
from flowcraft_engine.kernel.outcome import output_of
from flowcraft_engine.kernel.plan import Plan
from flowcraft_engine.kernel.state import Instance, RunState
from flowcraft_engine.stores.async_context import MemoryContext
from flowcraft_engine.stores.coordination_store import RunFacts
from flowcraft_engine.values import JsonValue


async def node_inputs(plan: Plan, run_id: str, events: Iterable[Event]) -> dict[str, JsonValue]:
    """The input of each instance that has started, as its last attempt received it.

    Context keys are those of the moment at which the attempt began; the values must not be changed.
    """
    past = _Past(plan, RunState(run_id))
    inputs: dict[str, JsonValue] = {}
    for event in events:
        extend(plan, past.state, (event,))
        if event.type == ev.NODE_STARTED:
            instance = past.state.instances[event.instance]
            if instance.node_id != END and instance.resumption is None:
                inputs[event.instance] = await past.input_of(instance)
    return inputs


class _Past:
    """A run as it stood after some of its events; it answers like the store did."""

    def __init__(self, plan: Plan, state: RunState) -> None:
        self.plan = plan
        self.state = state

    async def input_of(self, instance: Instance) -> JsonValue:
        claim = claim_of(self.plan, self.state, instance, "")
        return await node_input(self, self._facts(), claim, self.plan.nodes[instance.node_id])

    async def outputs(
        self, run_id: str, node_ids: Sequence[str], path: Path = (), scopes: tuple[str, ...] = ()
    ) -> list[JsonValue]:
        found = [locate(self.plan, self.state, node_id, path, scopes) for node_id in node_ids]
        return [None if instance is None else output_of(self.state, instance) for instance in found]

    async def fill_in(self, run_id: str, value: Any) -> Any:
        """Nothing is left out of events that were read for a view."""
        return value

    def _facts(self) -> RunFacts:
        state = self.state
        context = MemoryContext(state.context)
        return RunFacts(
            state.run_id, self.plan, state.inputs, state.entry, state.key_base, state.pins, context
        )
