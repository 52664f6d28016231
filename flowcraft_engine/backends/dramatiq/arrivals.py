"""Waits on the server until a list has something in it, and takes nothing.

BLMOVE from the head of a list to the head of the same list blocks while it is empty and changes nothing when it
is not. So whoever enqueues need not know of us, and a lost reply loses no message. It has a connection of its
own, since a blocked connection can do nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

import redis

#: How long the answer may be overdue before the connection counts as dead.
_OVERDUE_S: Final = 3.0
#: How quickly `interrupted` is noticed. Costs the server nothing.
_GLANCE_S: Final = 0.1


class Arrivals:
    def __init__(self, client: redis.Redis, key: str) -> None:
        self._pool = client.connection_pool
        self._key = key
        self._connection: Any = None

    def wait(self, seconds: float, interrupted: Callable[[], bool]) -> bool:
        """Whether there is something in the list; False after `seconds`, or when interrupted."""
        connection = self._connected()
        try:
            connection.send_command("BLMOVE", self._key, self._key, "LEFT", "LEFT", seconds)
            overdue = time.monotonic() + seconds + _OVERDUE_S
            while not connection.can_read(timeout=_GLANCE_S):
                if interrupted():
                    self.close()
                    return False
                if time.monotonic() > overdue:
                    raise redis.TimeoutError("no answer")
            return connection.read_response() is not None
        except redis.ResponseError:
            raise
        except BaseException:
            # Whatever comes later on this connection would answer an older question.
            self.close()
            raise

    def close(self) -> None:
        if self._connection is not None:
            self._connection.disconnect()

    def _connected(self) -> Any:
        if self._connection is None:
            self._connection = self._pool.make_connection()
        self._connection.connect()
        return self._connection
