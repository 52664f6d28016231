"""What a run still calls for, from its state alone: the effects that a dead process may have left undone."""

from __future__ import annotations

from flowcraft_engine.kernel import state as st
from flowcraft_engine.kernel.commands import Effects
from flowcraft_engine.kernel.state import Instance, RunState


def outstanding(state: RunState) -> Effects:
    """All effects that the state calls for."""
    effects = Effects()
    effects.finished = effects.stopped = state.is_final
    effects.idle = state.moving == 0 or state.paused_at is not None
    effects.orphans = [child for child in map(_orphan_of, state.instances.values()) if child is not None]
    if state.is_final or state.paused_at is not None:
        return effects
    timers: list[tuple[float, str]] = []
    children: list[str] = []
    for instance in state.instances.values():
        if instance.state == st.READY:
            effects.ready.append(instance.name)
        elif instance.due is not None and instance.state in (st.RETRYING, st.WAITING):
            timers.append((instance.due, instance.name))
        if instance.state == st.WAITING and instance.wait is not None and instance.wait["kind"] == st.CHILD:
            children.append(instance.name)
    effects.timers, effects.children = timers, children
    return effects


def _orphan_of(instance: Instance) -> str | None:
    """The child that a cancelled instance has left behind; it may have ended, or never begun."""
    if instance.state == st.CANCELLED and instance.wait is not None and instance.wait["kind"] == st.CHILD:
        return str(instance.wait["child"])
    return None
