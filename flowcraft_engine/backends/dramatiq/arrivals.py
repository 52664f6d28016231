"""Waits on the server until a list has something in it, and fetches it in the same round trip.

BLMOVE from the head of a list to the head of the same list blocks while it is empty and changes nothing when it
is not. So whoever enqueues need not know of us, and no message is lost with its reply. The command that fetches is
sent along: the server looks at it when the first one has been answered. All of this has a connection of its own,
since a blocked connection can do nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
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

    def fetch(self, command: Sequence[Any], seconds: float, interrupted: Callable[[], bool]) -> Any:
        """The reply to `command`, sent as soon as there is something in the list, or after `seconds`.

        None when interrupted: then it may have been executed all the same, as after an error.
        """
        connection = self._connected()
        wait = ("BLMOVE", self._key, self._key, "LEFT", "LEFT", seconds)
        try:
            connection.send_packed_command(connection.pack_commands((wait, command)))
            overdue = time.monotonic() + seconds + _OVERDUE_S
            while not connection.can_read(timeout=_GLANCE_S):
                if interrupted():
                    self.close()
                    return None
                if time.monotonic() > overdue:
                    raise redis.TimeoutError("no answer")
            connection.read_response()
            return connection.read_response()
        except BaseException:
            # Whatever it was, an interruption of the thread included: what comes later on this connection would
            # answer an older question.
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
