"""Taking claims back from those who will not see to them any more."""

from __future__ import annotations

from flowcraft_engine.errors import NotFoundError
from flowcraft_engine.kernel import state as st
from flowcraft_engine.kernel.commands import Effects
from flowcraft_engine.stores.coordination_store import CoordinationStore


async def take_back(
    store: CoordinationStore, run_id: str, instance: str, owner: str, *, crashed: bool
) -> Effects:
    """Make an instance ready again that `owner` has claimed; nothing happens if it is not executed by that one.

    No attempt is consumed. With `crashed` it counts towards a crash loop.
    """
    try:
        _, state = await store.glance(run_id)
        claimed = state.instances.get(instance)
        if claimed is None or claimed.state != st.RUNNING or claimed.owner != owner:
            return Effects()
        why = "its worker has died" if crashed else "forgotten by its worker"
        return await store.release(run_id, instance, claimed.nonce, crashed=crashed, why=why)
    except NotFoundError:
        return Effects()  # retired meanwhile
