"""Jobs on their way to one queue: what is published while a round trip is under way goes with the next one."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

#: Ids and messages in turn, as the script wants them.
Arguments = list[str | bytes]

#: So many messages in one script: about 10 ms of the server's time.
AT_ONCE: Final = 2_000


class Outgoing:
    """Each caller waits until its own jobs are in the queue, and gets the error of the round trip they were in."""

    def __init__(self, send: Callable[[Arguments], Awaitable[object]]) -> None:
        self._send = send
        self._waiting: deque[tuple[Arguments, asyncio.Future[None]]] = deque()
        self._sender: asyncio.Task[None] | None = None

    async def put(self, arguments: Arguments) -> None:
        """At most `AT_ONCE` messages. Cancelled, it may have published them or not."""
        loop = asyncio.get_running_loop()
        sent: asyncio.Future[None] = loop.create_future()
        self._waiting.append((arguments, sent))
        if self._sender is None:
            self._sender = loop.create_task(self._send_all())
        await sent

    async def _send_all(self) -> None:
        try:
            while self._waiting:
                await self._send_some()
        finally:
            self._sender = None
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
