"""Why a node is in the state that it is in: one answer for every state, from what was recorded."""

from __future__ import annotations

import difflib
from dataclasses import field
from typing import Any

from flowcraft_engine.blueprint.finding import SourceLocation
from flowcraft_engine.errors import NotFoundError
from flowcraft_engine.frozen import frozen
from flowcraft_engine.kernel import event as ev
from flowcraft_engine.kernel import state as st
from flowcraft_engine.kernel.naming import InstanceName
from flowcraft_engine.kernel.state import Instance
from flowcraft_engine.reports.dossier import Dossier
from flowcraft_engine.reports.ground import Ground, location_json
from flowcraft_engine.reports.state_grounds import StateGrounds


@frozen
class Why:
    """The answer: a sentence, the grounds that it rests on, and what a person can do (`next`)."""

    run_id: str
    instance: str
    state: str
    summary: str
    grounds: list[Ground]
    location: SourceLocation | None = None
    #: Commands that move this node on, without the `flowcraft`.
    next: list[str] = field(default_factory=list)
    #: Other instances of the same node, for which the answer may be another one.
    others: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        return {
            "schema": 1,
            "run_id": self.run_id,
            "node": self.instance,
            "state": self.state,
            "summary": self.summary,
            "location": location_json(self.location),
            "because": [ground.to_json() for ground in self.grounds],
            "next": self.next,
            "other_instances": self.others,
        }


def why(dossier: Dossier, node: str) -> Why:
    """The answer about a node id (its last instance, if there are several) or an instance name.

    Raises `NotFoundError` for a node that the blueprint does not have.
    """
    instance = find_instance(dossier, node)
    states = StateGrounds(dossier)
    summary, grounds = states.of(instance)
    others = [
        other.name
        for other in dossier.state.instances.values()
        if other.node_id == instance.node_id and other.name != instance.name
    ]
    return Why(
        dossier.run_id,
        instance.name,
        instance.state,
        summary,
        grounds,
        dossier.plan.nodes[instance.node_id].location,
        states.next_for(instance),
        others,
    )


def find_instance(dossier: Dossier, node: str) -> Instance:
    """The instance that is meant; one that does not exist yet is pending."""
    plan, instances = dossier.plan, dossier.state.instances
    found = instances.get(node)
    if found is not None:
        return found
    parsed = InstanceName.parse(node)
    if parsed is None or parsed.node_id not in plan.nodes:
        raise NotFoundError(f"run {dossier.run_id} has no node {node!r}", hint=_hint(dossier, node))
    if node != parsed.node_id:
        return _unborn(dossier, node, parsed)
    own = [it for it in instances.values() if it.node_id == node and it.index is None]
    if own:
        return max(own, key=lambda it: it.path)
    return Instance(node, node, ())


def _hint(dossier: Dossier, node: str) -> str:
    """Where the node is, or which one may have been meant."""
    inside = [run.run_id for run in dossier.tree() if node in run.state.instances]
    if inside:
        return f"it is a node of the sub-run {inside[0]}"
    ids = [it.id for it in dossier.plan.blueprint.nodes]
    near = difflib.get_close_matches(node, ids, n=1)
    return f"did you mean {near[0]}?" if near else f"its nodes are: {_listed(ids)}"


def _unborn(dossier: Dossier, name: str, parsed: InstanceName) -> Instance:
    """An iteration or an item that has not come up (yet)."""
    whole = dossier.state.instances.get(name.partition("[")[0]) if parsed.index is not None else None
    if whole is not None and whole.batch is not None and parsed.index is not None:
        if parsed.index < len(whole.batch.items):
            item = Instance(name, parsed.node_id, parsed.path, parsed.index)
            item.state = st.CANCELLED if whole.is_terminal else st.PENDING
            item.reason = {"rule": "never_started", "node": whole.name}
            return item
        raise NotFoundError(f"{whole.name} has {len(whole.batch.items)} items, counted from 0")
    known = [it.name for it in dossier.state.instances.values() if it.node_id == parsed.node_id]
    removal = _removal(dossier, name)
    if removal is not None:
        told = f"run {dossier.run_id} has no instance {name!r} any more: {removal}"
        raise NotFoundError(told, hint=f"there are: {_listed(known)}" if known else None)
    hint = f"there are: {_listed(known)}" if known else "the node has not been reached"
    raise NotFoundError(f"run {dossier.run_id} has no instance {name!r}", hint=hint)


def _removal(dossier: Dossier, name: str) -> str | None:
    """What took an instance away that was there once; None if nothing did."""
    for event in reversed(dossier.events):
        if event.type == ev.GENERATION_BEGAN and name in event.data["removed"]:
            origin = f" from {event.data['from']}" if event.data.get("from") else ""
            return f"the {event.data['kind']}{origin} that began generation {event.data['generation']} removed it"
    return None


def _listed(names: list[str]) -> str:
    return ", ".join(names[:8]) + (", …" if len(names) > 8 else "")
