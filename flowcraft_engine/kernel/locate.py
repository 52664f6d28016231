"""Which instance a node id means, seen from another instance: the same iteration, or else the last one."""

from __future__ import annotations

from flowcraft_engine.kernel.naming import Path, instance_name
from flowcraft_engine.kernel.plan import Plan
from flowcraft_engine.kernel.state import Instance, RunState


def locate(plan: Plan, state: RunState, node_id: str, path: Path, scopes: tuple[str, ...]) -> Instance | None:
    """The instance of `node_id` that an instance in loop `scopes` at `path` sees; None if there is none (yet)."""
    node = plan.nodes.get(node_id)
    if node is None:
        return None
    target_scopes = node.scopes
    if not path and not target_scopes:
        return state.instances.get(node_id)
    common: Path = ()
    for mine, other, number in zip(scopes, target_scopes, path, strict=False):
        if mine != other:
            break
        common = (*common, number)
    for controller in target_scopes[len(common) :]:
        instance = state.instances.get(instance_name(controller, common))
        if instance is None or not instance.iteration:
            return None
        common = (*common, instance.iteration)
    return state.instances.get(instance_name(node_id, common))
