"""Jobs on their way to one queue: what is published while a round trip is under way goes with the next one."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from flowcraft_engine.task import new_task

#: Ids and messages in turn, as the script wants them.
Arguments = list[str | bytes]

#: So many messages in one script: about 10 ms of the server's time.
AT_ONCE: Final = 2_000


class Outgoing:
    """Each caller waits until its own jobs are in the queue, and gets the error of the round trip they were in."""

    def __init__(self, send: Callable[[Arguments], Awaitable[object]]) -> None:
        self._send = send
        self._waiting: deque[tuple[Arguments, asyncio.Future[None]]] = deque()
        self._is_busy = False
        self._sender: asyncio.Task[None] | None = None

    async def put(self, arguments: Arguments) -> None:
        """At most `AT_ONCE` messages. Cancelled, it may have published them or not."""
        if self._is_busy:
            sent: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append((arguments, sent))
            return await sent
        # Nobody else is publishing: no task is needed, and no turn of the event loop lost.
        self._is_busy = True
        try:
            await self._send(arguments)
        finally:
            self._is_busy = bool(self._waiting)
            if self._waiting:
                self._sender = new_task(self._send_all())
        return None

    async def close(self) -> None:
        """Give up what waits: its callers are cancelled."""
        if self._sender is not None and not self._sender.done():
            self._sender.cancel()
            await asyncio.wait([self._sender])

    async def _send_all(self) -> None:
        try:
            while self._waiting:
                await self._send_some()
        finally:
            self._is_busy = False
            for _, sent in self._waiting:  # only if this task was cancelled
                sent.cancel()
            self._waiting.clear()

    async def _send_some(self) -> None:
        arguments: Arguments = []
        callers: list[asyncio.Future[None]] = []
        while self._waiting and (not callers or len(arguments) + len(self._waiting[0][0]) <= 2 * AT_ONCE):
            more, sent = self._waiting.popleft()
            arguments += more
            callers.append(sent)
        error: BaseException | None = None
        try:
            await self._send(arguments)
        except BaseException as problem:
            # Whatever it was is what each caller is told; a cancellation ends this task, too.
            error = problem
            if not isinstance(problem, Exception):
                raise
        finally:
            for sent in callers:
                _tell(sent, error)


def _tell(sent: asyncio.Future[None], error: BaseException | None) -> None:
    if sent.done():  # its caller was cancelled
        return
    if error is None:
        sent.set_result(None)
    elif isinstance(error, Exception):
        sent.set_exception(error)
    else:
        sent.cancel()
