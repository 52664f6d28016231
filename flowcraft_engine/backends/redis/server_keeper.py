"""Starts an embedded server again when it dies, on its port and with its data: those who use it only wait a moment."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Final, Self

from flowcraft_engine.backends.redis.embedded import EmbeddedRedis
from flowcraft_engine.errors import BackendError

_LOOK_S: Final = 0.25
_FIRST_PAUSE_S: Final = 0.5
_LONGEST_PAUSE_S: Final = 10.0


class ServerKeeper:
    """Looks after a server of our own in a thread, from entering to leaving; one of somebody else is left alone."""

    def __init__(self, server: EmbeddedRedis, say: Callable[[str], None], *, look_s: float = _LOOK_S) -> None:
        self._server = server
        self._say = say
        self._look_s = look_s
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="server-keeper", daemon=True)

    def __enter__(self) -> Self:
        if not self._server.is_attached:
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join()

    def _keep(self) -> None:
        while not self._ending.wait(self._look_s):
            if not self._server.is_running and not self._bring_back():
                return

    def _bring_back(self) -> bool:
        """Try until it runs; False if there is nothing left to look after."""
        self._say("warning: the Redis server has died; it is started again with the data that it has kept")
        pause_s, told = _FIRST_PAUSE_S, ""
        while True:
            try:
                self._server.restart()
            except BackendError as error:
                why = f"{error.message} ({error.hint})" if error.hint else error.message
                if why != told:
                    told = why
                    self._say(f"warning: the Redis server does not start: {why}; it is tried again")
            else:
                break
            if self._ending.wait(pause_s):
                return False
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
        if self._server.is_attached:
            self._say("warning: another flowcraft dev has the data of this project now; end this one")
            return False
        self._say("the Redis server is back")
        return True
