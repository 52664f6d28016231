"""Keeps the lease of a process from a thread of its own, so that a node that blocks the event loop does not lose it."""

from __future__ import annotations

import asyncio
import logging
import math
import threading
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeAlias

from flowcraft_engine.errors import FlowcraftError
from flowcraft_engine.failpoints import failpoint
from flowcraft_engine.nodes.node_thread import call_in_thread
from flowcraft_engine.stores.fleet import Renewal

_log = logging.getLogger("flowcraft.worker")
#: A lease is renewed so many times before it would run out.
_BEATS_A_LEASE = 3
_GOODBYE_S = 1.0


class Lease(Protocol):
    async def renew(self, owner: str, lease_s: float) -> Renewal: ...


#: Opens a connection for the thread, to be used and closed there.
OpenLease: TypeAlias = Callable[[], AbstractAsyncContextManager[Lease]]


class LeaseKeeper:
    """Renews from `start` to `stop`.

    `on_lost` is called, in the thread, when the owner was declared dead; `on_forgotten` when it must register again,
    which may be so more often than necessary.
    """

    def __init__(
        self,
        owner: str,
        lease_s: float,
        open_lease: OpenLease,
        on_lost: Callable[[], None],
        on_forgotten: Callable[[], None],
    ) -> None:
        self._owner = owner
        self._lease_s = lease_s
        self._open_lease = open_lease
        self._on_lost = on_lost
        self._on_forgotten = on_forgotten
        self._end = threading.Event()
        #: When the last beat was answered; and when one was last answered late, not at all, or not sent in time.
        self._last_answer = math.inf
        self._last_break = -math.inf
        self._has_failed = False
        self._thread = threading.Thread(target=self._run, name="flowcraft-lease", daemon=True)

    def start(self) -> None:
        self._thread.start()

    async def stop(self) -> None:
        """Renew no more. May be called twice; does not wait long for a server that is away."""
        self._end.set()
        await call_in_thread(self._thread.join, _GOODBYE_S)  # nodes may have filled those of asyncio

    @property
    def heard_s(self) -> float:
        """For how long the server has answered without a break; endless if it always has. For any thread."""
        if self._is_late(self._last_answer):
            return 0.0  # whoever is at fault: this process may have stood still itself
        return time.monotonic() - self._last_break

    def note_break(self) -> None:
        self._last_break = time.monotonic()

    def _is_late(self, last_answer: float) -> bool:
        """True if two beats have gone by since then."""
        return time.monotonic() - last_answer > 2 * self._lease_s / _BEATS_A_LEASE

    def _run(self) -> None:
        while not self._end.is_set():
            try:
                asyncio.run(self._keep())
                return
            except Exception:
                # Whatever it is (no thread, no connection to be had): a process that went on without a lease would
                # lose all that it executes.
                _log.exception("the lease is not kept at the moment")
                self._has_failed = True
                self.note_break()
                self._end.wait(min(_GOODBYE_S, self._lease_s / _BEATS_A_LEASE))

    async def _keep(self) -> None:
        async with self._open_lease() as lease:
            while not self._end.is_set():
                failpoint("beat.pre")
                renewal = await self._beat(lease)
                if renewal is Renewal.DEAD:
                    self._on_lost()
                    return
                if renewal is Renewal.FORGOTTEN:
                    self._on_forgotten()
                failpoint("beat.done")
                await asyncio.to_thread(self._end.wait, self._lease_s / _BEATS_A_LEASE)

    async def _beat(self, lease: Lease) -> Renewal | None:
        """None if it was not answered."""
        # Before the first answer, the first question counts.
        last_answer = self._last_answer = min(self._last_answer, time.monotonic())
        try:
            renewal = await lease.renew(self._owner, self._lease_s)
        except FlowcraftError as error:  # the next beat may find the server again
            _log.warning("the lease could not be renewed: %s", error)
            renewal = None
        has_failed, self._has_failed = self._has_failed, renewal is None
        is_late = self._is_late(last_answer)
        if renewal is None or is_late:
            self.note_break()
        if renewal is not None:
            self._last_answer = time.monotonic()
        if renewal is Renewal.KEPT and (has_failed or is_late):
            return Renewal.FORGOTTEN  # the reply that said so may have been lost
        return renewal
