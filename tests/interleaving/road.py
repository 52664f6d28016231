"""The way of one process to the outside world: whatever it asks for waits here until the scheduler lets it pass."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from flowcraft_engine.backends.redis.failure import RedisAwayError
from flowcraft_engine.backends.redis.link import Link
from flowcraft_engine.backends.redis.scripts import Script
from tests.interleaving.server import Server


class Trip:
    """One request and its reply."""

    __slots__ = ("is_redis", "perform", "reply", "what")

    def __init__(self, what: str, perform: Callable[[], Any], is_redis: bool) -> None:
        self.what = what
        self.perform = perform
        self.is_redis = is_redis
        self.reply: asyncio.Future[Any] = asyncio.get_running_loop().create_future()

    def pass_on(self, reply: Any) -> None:
        if self.reply.done():
            return  # whoever asked does not wait any more
        if isinstance(reply, Exception):
            self.reply.set_exception(reply)
        else:
            self.reply.set_result(reply)


class Road:
    """Trips of one process go in the order in which they came, as on one connection."""

    def __init__(self) -> None:
        self.trips: deque[Trip] = deque()
        self.is_closed = False

    async def travel(self, what: str, perform: Callable[[], Any], *, is_redis: bool = False) -> Any:
        """Return when the scheduler has let `perform` happen, with what came of it."""
        if self.is_closed:
            raise RedisAwayError("the process is dead")
        trip = Trip(what, perform, is_redis)
        self.trips.append(trip)
        return await trip.reply

    def close(self) -> None:
        """The process is dead: nothing leaves it and nothing reaches it any more."""
        self.is_closed = True
        self.trips.clear()


class SteppedLink(Link):
    """A link on which every round trip is a yield point of the scheduler."""

    def __init__(self, road: Road, server: Server) -> None:
        self.address = server.address
        self._road = road
        self._server = server

    async def call(self, *command: Any) -> Any:
        return await self._road.travel(
            " ".join(str(part)[:60] for part in command[:3]),
            lambda: self._server.call(*command),
            is_redis=True,
        )

    async def run(self, script: Script, keys: Sequence[str], *arguments: Any) -> Any:
        return await self._road.travel(
            f"{script.name} {' '.join(str(part)[:40] for part in arguments[:3])}",
            lambda: self._server.run(script, list(keys), *arguments),
            is_redis=True,
        )

    async def close(self) -> None:
        return


class DirectLink(Link):
    """A link for observers: every request passes at once."""

    def __init__(self, server: Server) -> None:
        self.address = server.address
        self._server = server

    async def call(self, *command: Any) -> Any:
        return self._server.call(*command)

    async def run(self, script: Script, keys: Sequence[str], *arguments: Any) -> Any:
        return self._server.run(script, list(keys), *arguments)

    async def close(self) -> None:
        return
