"""A remark about an answer whose action no edge knows, or that has none: it is allowed, and mostly a mistake."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowcraft_cli.text import safe

if TYPE_CHECKING:
    from flowcraft_engine.kernel.plan import PlanNode
    from flowcraft_engine.stores.coordination_store import CoordinationStore


async def unknown_action_note(
    store: CoordinationStore, run_id: str, node: str | None, action: str | None
) -> str | None:
    """What to say before `node` is answered with `action`; None if an edge follows it, or the node is not known."""
    from flowcraft_engine.execution.waits import find_wait
    from flowcraft_engine.kernel.naming import InstanceName

    target, name = await find_wait(store, run_id, node)
    instance = InstanceName.parse(name) if name is not None else None
    plan, _ = await store.glance(target)
    found = plan.nodes.get(instance.node_id) if instance is not None else None
    if found is None or instance is None:
        return None
    known = () if instance.index is not None else found.actions
    has_defaults = any(edge.action is None for target in found.targets for edge in target.edges)
    if action in known or (action is None and (has_defaults or not known)):
        return None
    return _note(found, known, action, has_defaults)


def _note(node: PlanNode, known: tuple[str, ...], action: str | None, has_defaults: bool) -> str:
    from flowcraft_engine.blueprint.nearest import nearest

    listed = f"known are: {', '.join(map(safe, known))}" if known else "its edges know no action"
    again = f"`flowcraft rerun` --from {safe(node.id)} asks again"
    if action is None:
        return f"note: each edge of {safe(node.id)} asks for an action: nothing follows ({listed}); {again}"
    near = nearest(action, known)
    meant = f"; did you mean {safe(near)!r}?" if near else ""
    follows = "its edges without an action decide" if has_defaults else f"nothing follows it; {again}"
    return f"note: no edge of {safe(node.id)} knows the action {safe(action)!r} ({listed}{meant}): {follows}"
