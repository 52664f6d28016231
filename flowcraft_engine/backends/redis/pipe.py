"""One connection for many: commands leave as they come, replies are matched in order, nobody waits for anybody.

redis-py opens the connection (TLS, passwords, Sentinels); from then on the bytes are ours, packed and parsed by
hiredis. A command costs a third of what it does through redis-py's pipeline, and what is sent in one turn of the
event loop leaves in one packet.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from typing import Any

import hiredis
from redis._parsers.base import BaseParser
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import InvalidResponse, NoScriptError, ReadOnlyError, RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from flowcraft_engine.backends.redis.connection import TIMEOUT_S
from flowcraft_engine.backends.redis.scripts import Script
from flowcraft_engine.task import new_task

#: A command as bytes, and where its reply goes.
_Call = tuple[bytes, "asyncio.Future[Any]"]


class Pipe:
    """Sends commands in the order in which they come. A command may have been executed although it failed here.

    Raises the exceptions of redis-py: whoever uses this words them.
    """

    def __init__(self, client: Redis, *, timeout_s: float = TIMEOUT_S) -> None:
        self.client = client
        self._timeout_s = timeout_s
        self._waiting: list[_Call] = []
        self._line: _Line | None = None
        self._opening: asyncio.Task[None] | None = None
        self._is_flushing = False
        self._is_closed = False

    def open_soon(self) -> None:
        """Begin to connect, so that the first command need not wait for that."""
        if self._line is None:
            self._begin_to_open()

    def send(self, *command: Any) -> asyncio.Future[Any]:
        """The reply to one command, to come."""
        loop = asyncio.get_running_loop()
        reply: asyncio.Future[Any] = loop.create_future()
        call = (hiredis.pack_command(command), reply)
        line = self._line
        if line is not None and line.is_idle and not self._waiting:
            # Nobody to share a packet with: every turn of the event loop would be time lost.
            line.write([call])
            return reply
        self._waiting.append(call)
        if not self._is_flushing:
            self._is_flushing = True
            loop.call_soon(self._flush)
        return reply

    async def call(self, *command: Any) -> Any:
        """The reply to one command."""
        return await self.send(*command)

    async def run(self, script: Script, keys: Sequence[str], *arguments: Any) -> Any:
        """The reply of a script, which is loaded if the server does not know it (any more)."""
        try:
            return await self.send("EVALSHA", script.sha, len(keys), *keys, *arguments)
        except NoScriptError:
            return await self.send("EVAL", script.text, len(keys), *keys, *arguments)

    async def close(self) -> None:
        """Let go of the connection; what is under way ends with an error."""
        self._is_closed = True
        if self._opening is not None:
            self._opening.cancel()
        if self._line is not None:
            self._line.close()
        _fail(self._waiting, RedisConnectionError("the connection was closed"))
        self._waiting = []
        await self.client.aclose()

    def _flush(self) -> None:
        self._is_flushing = False
        if self._is_closed:
            _fail(self._waiting, RedisConnectionError("the connection was closed"))
            self._waiting = []
            return
        if self._line is None or self._line.is_closed:
            self._begin_to_open()
            return
        batch, self._waiting = self._waiting, []
        self._line.write(batch)

    def _begin_to_open(self) -> None:
        if self._opening is None:
            self._opening = new_task(self._open())
            self._opening.add_done_callback(self._opened)

    async def _open(self) -> None:
        try:
            if self._line is not None:
                closed, self._line = self._line, None
                await closed.release()
            self._line = await _Line.open(self.client, self._timeout_s)
        except Exception as error:
            # Whatever it is, nobody may wait for a reply that does not come.
            self._give_up_opening(error)
        else:
            self._opening = None
            if self._waiting:
                self._flush()

    def _opened(self, opening: asyncio.Task[None]) -> None:
        """The same if the task is cancelled, with all others of the event loop, perhaps before it has begun."""
        if opening.cancelled():
            self._give_up_opening(RedisConnectionError("the connection was closed"))

    def _give_up_opening(self, error: Exception) -> None:
        self._opening = None
        batch, self._waiting = self._waiting, []
        _fail(batch, error)


class _Line(asyncio.Protocol):
    """An open connection. Given up when nothing comes for `timeout_s` although something is due."""

    def __init__(self, client: Redis, connection: Any, timeout_s: float) -> None:
        self._client = client
        self._connection = connection
        # The one place that reaches into redis-py: where the bytes go, once it has said hello.
        self._transport: asyncio.Transport = connection._writer.transport
        self._timeout_s = timeout_s
        self._loop = asyncio.get_running_loop()
        self._parser = hiredis.Reader(protocolError=InvalidResponse, replyError=BaseParser.parse_error)
        self._due: deque[asyncio.Future[Any]] = deque()
        self._heard_at = 0.0
        self._watch: asyncio.TimerHandle | None = None
        self._failure: Exception | None = None
        self.is_closed = False
        # redis-py waits for the end of the connection through the protocol that it made.
        self._replaced = self._transport.get_protocol()
        self._transport.set_protocol(self)

    @classmethod
    async def open(cls, client: Redis, timeout_s: float) -> _Line:
        connection = await client.connection_pool.get_connection()  # type: ignore[no-untyped-call]  # of redis-py
        return cls(client, connection, timeout_s)

    @property
    def is_idle(self) -> bool:
        """True if the line is open, and nothing is due on it."""
        return not self._due and not self.is_closed

    def write(self, batch: list[_Call]) -> None:
        due = self._due
        if not due:
            self._heard_at = self._loop.time()
        due.extend([reply for _, reply in batch])
        if self._watch is None:
            self._watch = self._loop.call_later(self._timeout_s, self._look)
        self._transport.write(b"".join([command for command, _ in batch]))

    def close(self) -> None:
        self._give_up(RedisConnectionError("the connection was closed"))

    async def release(self) -> None:
        """Let redis-py forget a connection that is closed."""
        await self._connection.disconnect(nowait=True)
        await self._client.connection_pool.release(self._connection)

    # ---- what asyncio calls --------------------------------------------------------------------------------

    def data_received(self, data: bytes) -> None:
        parser, due = self._parser, self._due
        parser.feed(data)
        try:
            while (reply := parser.gets()) is not False:
                future = due.popleft()
                if not future.done():
                    if isinstance(reply, Exception):
                        future.set_exception(reply)
                    else:
                        future.set_result(reply)
                if isinstance(reply, ReadOnlyError):
                    # The primary has become a replica: the next connection may lead to the new one.
                    self._give_up(RedisConnectionError("the server takes no writes any more"))
                    return
        except InvalidResponse as error:
            self._give_up(error)
            return
        self._heard_at = self._loop.time()

    def eof_received(self) -> None:
        self._give_up(RedisConnectionError("Connection closed by server."))

    def connection_lost(self, error: Exception | None) -> None:
        lost = RedisConnectionError(f"Connection lost: {error or 'closed by server'}")
        lost.__cause__ = error  # tells a cut connection from what else may be wrong
        self._give_up(lost)
        self._replaced.connection_lost(error)

    # ---- giving up -----------------------------------------------------------------------------------------

    def _look(self) -> None:
        """Has anything come lately?"""
        self._watch = None
        if not self._due or self.is_closed:
            return
        left = self._heard_at + self._timeout_s - self._loop.time()
        if left > 0:
            self._watch = self._loop.call_later(left, self._look)
        else:
            self._give_up(RedisTimeoutError("Timeout reading from the server"))

    def _give_up(self, failure: RedisError) -> None:
        if self.is_closed:
            return
        self.is_closed = True
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        self._transport.abort()
        due, self._due = self._due, deque()
        for reply in due:
            if not reply.done():
                reply.set_exception(failure)


def _fail(batch: list[_Call], error: Exception) -> None:
    for _, reply in batch:
        if not reply.done():
            reply.set_exception(error)
