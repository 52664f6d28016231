"""Tells the fleet that a worker process has died, so that nobody waits for its lease to run out."""

from __future__ import annotations

import asyncio
import threading
import time

from flowcraft_engine.errors import FlowcraftError
from flowcraft_engine.settings import Settings

#: Whoever ends the workers is not kept waiting for a Redis that is away: then the leases run out by themselves.
_PATIENCE_S = 3.0


class Obituary:
    """Told of deaths, which it tells on in threads: a supervisor has other workers to look after."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._telling: list[threading.Thread] = []

    def tell(self, name: str, _code: int) -> None:
        thread = threading.Thread(target=_tell, args=(self._settings, name), name="obituary", daemon=True)
        thread.start()
        self._telling = [it for it in self._telling if it.is_alive()] + [thread]

    def finish(self) -> None:
        """Wait, for a moment, until all is told: this process is about to end."""
        deadline = time.monotonic() + _PATIENCE_S
        for thread in self._telling:
            thread.join(max(0.0, deadline - time.monotonic()))


def _tell(settings: Settings, name: str) -> None:
    from flowcraft_engine.assembly.fleet import declare_dead

    try:
        asyncio.run(declare_dead(settings, name))
    except FlowcraftError:
        return  # it only took longer
