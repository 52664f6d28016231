"""A remark about an answer whose action no edge knows: it is allowed, and mostly a typing error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flowcraft_cli.text import safe

if TYPE_CHECKING:
    from flowcraft_engine.kernel.plan import PlanNode
    from flowcraft_engine.stores.coordination_store import CoordinationStore


async def unknown_action_note(
    store: CoordinationStore, run_id: str, node: str | None, action: str
) -> str | None:
    """What to say before `node` is answered with `action`; None if an edge knows it, or the node is not known."""
    from flowcraft_engine.execution.waits import find_wait
    from flowcraft_engine.kernel.naming import InstanceName

    target, name = await find_wait(store, run_id, node)
    instance = InstanceName.parse(name) if name is not None else None
    plan, _ = await store.snapshot(target)
    found = plan.nodes.get(instance.node_id) if instance is not None else None
    if found is None or instance is None:
        return None
    known = () if instance.index is not None else found.actions
    return None if action in known else _note(found, known, action)


def _note(node: PlanNode, known: tuple[str, ...], action: str) -> str:
    from flowcraft_engine.blueprint.nearest import nearest

    has_defaults = any(edge.action is None for target in node.targets for edge in target.edges)
    follows = "its edges without an action decide" if has_defaults else "nothing follows it"
    near = nearest(action, known)
    listed = f"known are: {', '.join(map(safe, known))}" if known else "its edges know no action"
    meant = f"; did you mean {safe(near)!r}?" if near else ""
    return f"note: no edge of {safe(node.id)} knows the action {safe(action)!r}: {follows} ({listed}{meant})"
