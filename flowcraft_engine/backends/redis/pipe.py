"""One connection for many: commands that come in the same turn of the event loop share a round trip."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import NoScriptError, RedisError, ResponseError

from flowcraft_engine.backends.redis.scripts import Script

_Call = tuple[tuple[Any, ...], "asyncio.Future[Any]"]


class Pipe:
    """Sends commands in the order in which they come. A command may have been executed although it failed here.

    Raises the exceptions of redis-py: whoever uses this words them.
    """

    def __init__(self, client: Redis) -> None:
        self.client = client
        # Replies as the server gives them, the same ones as scripts get.
        client.response_callbacks.clear()
        self._waiting: list[_Call] = []
        self._pump: asyncio.Task[None] | None = None

    async def call(self, *command: Any) -> Any:
        """The reply to one command."""
        loop = asyncio.get_running_loop()
        reply: asyncio.Future[Any] = loop.create_future()
        self._waiting.append((command, reply))
        if self._pump is None:
            self._pump = loop.create_task(self._send_all())
        return await reply

    async def run(self, script: Script, keys: Sequence[str], *arguments: Any) -> Any:
        """The reply of a script, which is loaded if the server does not know it (any more)."""
        try:
            return await self.call("EVALSHA", script.sha, len(keys), *keys, *arguments)
        except NoScriptError:
            return await self.call("EVAL", script.text, len(keys), *keys, *arguments)

    async def close(self) -> None:
        """Let go of the connection; what is under way ends with an error."""
        if self._pump is not None:
            self._pump.cancel()
            self._pump = None
        await self.client.aclose()

    async def _send_all(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                try:
                    await self._exchange(batch)
                except (RedisError, OSError) as error:
                    _fail(batch, error)
                except asyncio.CancelledError:
                    _fail([*batch, *self._waiting], ConnectionResetError("the connection was closed"))
                    self._waiting = []
                    raise
        finally:
            self._pump = None

    async def _exchange(self, batch: list[_Call]) -> None:
        async with self.client.pipeline(transaction=False) as pipeline:
            for command, _ in batch:
                pipeline.execute_command(*command)
            replies = await pipeline.execute(raise_on_error=False)
        for (_, future), reply in zip(batch, replies, strict=True):
            if future.done():
                continue
            if isinstance(reply, ResponseError):
                future.set_exception(reply)
            else:
                future.set_result(reply)


def _fail(batch: list[_Call], error: BaseException) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(error)
