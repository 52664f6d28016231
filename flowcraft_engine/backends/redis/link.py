"""The link to a server that may go away: steps are repeated until it is back, or until patience ends.

Only what may be repeated goes through here: scripts that find out that they were executed already, and reads.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from redis.exceptions import RedisError

from flowcraft_engine.backends.redis.address import RedisAddress
from flowcraft_engine.backends.redis.connection import TIMEOUT_S, RedisAwayError, backend_error, connect
from flowcraft_engine.backends.redis.pipe import Pipe
from flowcraft_engine.backends.redis.scripts import Script

_FIRST_PAUSE_S = 0.05
_LONGEST_PAUSE_S = 1.0
#: A network may need so long, however little time there is.
_SHORTEST_CONNECT_S = 1.0

#: Told why the server cannot be reached, and None when it is back.
OnOutage = Callable[[str | None], None]


class Link:
    """`patience_s` is how long a call waits for a server that is away; None: for as long as it takes.

    Raises `BackendError`.
    """

    def __init__(
        self,
        address: RedisAddress,
        *,
        patience_s: float | None = 5.0,
        on_outage: OnOutage | None = None,
    ) -> None:
        connect_s = TIMEOUT_S if patience_s is None else min(TIMEOUT_S, max(_SHORTEST_CONNECT_S, patience_s))
        self.pipe = Pipe(connect(address, connect_s=connect_s))
        self.address = address
        self._patience_s = patience_s
        self._on_outage = on_outage
        self._is_out = False
        #: Calls that have failed and are tried again. As long as there are some the outage lasts, whatever else gets
        #: through: a server without memory refuses writes, and answers all that reads.
        self._trying_again = 0

    def open_soon(self) -> None:
        """Begin to connect; a failure is no news before something is wanted."""
        self.pipe.open_soon()

    async def call(self, *command: Any) -> Any:
        """The reply to a command that may be repeated."""
        return await self._patiently(lambda: self.pipe.call(*command))

    async def run(self, script: Script, keys: Sequence[str], *arguments: Any) -> Any:
        """The reply of a script that may be repeated."""
        return await self._patiently(lambda: self.pipe.run(script, keys, *arguments))

    async def calls(self, commands: Sequence[tuple[Any, ...]]) -> list[Any]:
        """The replies to several commands, in their order, in one round trip."""
        return list(await asyncio.gather(*(self.call(*command) for command in commands)))

    async def close(self) -> None:
        await self.pipe.close()

    async def _patiently(self, attempt: Callable[[], Awaitable[Any]]) -> Any:
        loop = asyncio.get_running_loop()
        started: float | None = None
        pause = _FIRST_PAUSE_S
        try:
            while True:
                try:
                    reply = await attempt()
                except (RedisError, OSError) as error:
                    failure = backend_error(self.address, error)
                    if not isinstance(failure, RedisAwayError):
                        raise failure from error
                    now = loop.time()
                    if started is None:
                        started = now
                        self._trying_again += 1
                    self._note_outage(failure.message)
                    if self._patience_s is not None and now - started + pause > self._patience_s:
                        raise failure from error
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, _LONGEST_PAUSE_S)
                else:
                    break
        finally:
            if started is not None:
                self._trying_again -= 1
        if self._is_out and not self._trying_again:
            self._note_return()
        return reply

    def _note_outage(self, why: str) -> None:
        if not self._is_out:
            self._is_out = True
            if self._on_outage is not None:
                self._on_outage(why)

    def _note_return(self) -> None:
        self._is_out = False
        if self._on_outage is not None:
            self._on_outage(None)
