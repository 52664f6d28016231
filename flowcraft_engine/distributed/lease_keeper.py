"""Keeps the lease of a process from a thread of its own, so that a node that blocks the event loop does not lose it."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeAlias

from flowcraft_engine.errors import FlowcraftError
from flowcraft_engine.failpoints import failpoint

_log = logging.getLogger("flowcraft.worker")
#: A lease is renewed so many times before it would run out.
_BEATS_A_LEASE = 3
_GOODBYE_S = 1.0


class Lease(Protocol):
    async def renew(self, owner: str, lease_s: float) -> bool: ...


#: Opens a connection for the thread, to be used and closed there.
OpenLease: TypeAlias = Callable[[], AbstractAsyncContextManager[Lease]]


class LeaseKeeper:
    """Renews from `start` to `stop`. `on_lost` is called, in the thread, when the owner was declared dead."""

    def __init__(
        self, owner: str, lease_s: float, open_lease: OpenLease, on_lost: Callable[[], None]
    ) -> None:
        self._owner = owner
        self._lease_s = lease_s
        self._open_lease = open_lease
        self._on_lost = on_lost
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run, name="flowcraft-lease", daemon=True)

    def start(self) -> None:
        self._thread.start()

    async def stop(self) -> None:
        """Renew no more. May be called twice; does not wait long for a server that is away."""
        self._end.set()
        await asyncio.to_thread(self._thread.join, _GOODBYE_S)

    def _run(self) -> None:
        asyncio.run(self._keep())

    async def _keep(self) -> None:
        async with self._open_lease() as lease:
            while not self._end.is_set():
                failpoint("beat.pre")
                try:
                    if not await lease.renew(self._owner, self._lease_s):
                        self._on_lost()
                        return
                except FlowcraftError as error:  # the next beat may find the server again
                    _log.warning("the lease could not be renewed: %s", error)
                failpoint("beat.done")
                await asyncio.to_thread(self._end.wait, self._lease_s / _BEATS_A_LEASE)
