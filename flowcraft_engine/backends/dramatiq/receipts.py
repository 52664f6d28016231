"""Tells the server, from the event loop, what has become of messages: done, or given back.

What is to be told while a round trip is under way goes with the next one. Nobody waits for it: what does not get
through is left to the consumer that holds the message, which repeats it at its heartbeats.
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from flowcraft_engine.backends.dramatiq.delivery import Delivery, Holder
from flowcraft_engine.backends.redis.link import Link
from flowcraft_engine.backends.redis.scripts import Script
from flowcraft_engine.errors import BackendError
from flowcraft_engine.failpoints import failpoint
from flowcraft_engine.task import new_task

_log = logging.getLogger("flowcraft.queue")
_LET_GO: Final = Script.of("let_go", Path(__file__).with_name("let_go.lua").read_text(encoding="utf-8"))


class Receipts:
    """Belongs to one event loop. `link` is where the queues are."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._waiting: list[Delivery] = []
        self._sender: asyncio.Task[None] | None = None

    def put(self, delivery: Delivery) -> None:
        """Tell soon what has become of a message."""
        self._waiting.append(delivery)
        if self._sender is None:
            self._sender = new_task(self._send_all())

    async def flush(self) -> None:
        """Return when everything was told, or left to its consumer."""
        while self._sender is not None:
            await asyncio.shield(self._sender)

    async def _send_all(self) -> None:
        try:
            while self._waiting:
                waiting, self._waiting = self._waiting, []
                groups: defaultdict[tuple[Holder, bool], list[str]] = defaultdict(list)
                for it in waiting:
                    groups[it.holder, it.handed_back].append(it.id)
                for (holder, handed_back), ids in groups.items():
                    await self._send(holder, ids, handed_back=handed_back)
        finally:
            self._sender = None

    async def _send(self, holder: Holder, ids: Sequence[str], *, handed_back: bool) -> None:
        failpoint("ack.before")
        try:
            await self._link.run(_LET_GO, holder.keys, "requeue" if handed_back else "ack", *ids)
        except BackendError:
            holder.unsettled(ids, handed_back=handed_back)
        except Exception:
            # Whatever it is: held for ever, these messages would be lost, and so would be the others behind them.
            _log.exception("the queue could not be told of %d messages, and is told again", len(ids))
            holder.unsettled(ids, handed_back=handed_back)
        else:
            holder.settled(ids)
            failpoint("ack.after")
