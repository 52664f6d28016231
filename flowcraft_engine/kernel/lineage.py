"""The lineage of an instance: itself, the batch that it is an item of, and the loops around it."""

from __future__ import annotations

from collections.abc import Mapping

from flowcraft_engine.kernel.naming import instance_name
from flowcraft_engine.kernel.plan import Plan
from flowcraft_engine.kernel.state import Instance


def latest_generation(plan: Plan, instance: Instance, generations: Mapping[str, int]) -> int:
    """The latest generation that is noted for anything in the lineage of `instance`; 0 if none is.

    An item, or an iteration, that is new takes part in the generation of what it belongs to.
    """
    if not generations:
        return 0
    names = [instance.name]
    if instance.index is not None:
        names.append(instance_name(instance.node_id, instance.path))
    if instance.path:
        scopes = plan.nodes[instance.node_id].scopes
        names += [instance_name(scope, instance.path[:depth]) for depth, scope in enumerate(scopes)]
    return max(generations.get(name, 0) for name in names)
