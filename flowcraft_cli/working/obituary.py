"""Tells the fleet that a worker process has died, so that nobody waits for its lease to run out."""

from __future__ import annotations

import asyncio
import threading

from flowcraft_engine.errors import FlowcraftError
from flowcraft_engine.settings import Settings


def tell_fleet(settings: Settings, name: str, _code: int) -> None:
    """Does not wait: without Redis the lease runs out by itself."""
    threading.Thread(target=_tell, args=(settings, name), name="obituary", daemon=True).start()


def _tell(settings: Settings, name: str) -> None:
    from flowcraft_engine.assembly import declare_dead

    try:
        asyncio.run(declare_dead(settings, name))
    except FlowcraftError:
        return  # it only took longer
