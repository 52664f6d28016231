"""The place of one worker process, as the process itself sees it."""

from __future__ import annotations

import re
import secrets
import signal
import socket
import threading
from _thread import start_new_thread
from collections.abc import Callable
from types import FrameType

from flowcraft_engine.frozen import frozen


@frozen
class SeatTicket:
    """What the supervisor gives a process on its way. `name` is new for each start and never used again.

    `is_first` is false for a process that takes the place of another.
    """

    index: int
    name: str
    grace_s: float
    is_first: bool = True

    @classmethod
    def new(cls, index: int, grace_s: float, *, is_first: bool = True) -> SeatTicket:
        host = re.sub(r"[^A-Za-z0-9.-]", "-", socket.gethostname())[:40] or "host"
        return cls(index, f"{host}-{secrets.token_hex(6)}", grace_s, is_first)


class WorkerSeat:
    """Tells the worker when to end, and when to end at once. Callbacks run in a thread of their own: an event loop
    wants `seat.on_stop(lambda: loop.call_soon_threadsafe(stopping.set))`.
    """

    def __init__(
        self, ticket: SeatTicket, on_ready: Callable[[], None], on_leave: Callable[[], None] = lambda: None
    ) -> None:
        self.index = ticket.index
        self.name = ticket.name
        self.grace_s = ticket.grace_s
        self.is_first = ticket.is_first
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._callbacks: list[Callable[[], None]] = []
        self._hurry: Callable[[], None] = lambda: None
        self._on_ready = on_ready
        self._on_leave = on_leave

    def tell_ready(self) -> None:
        """The worker is at work now: whoever replaces workers may go on with the next one."""
        self._on_ready()

    def leave(self) -> None:
        """End the process now, and well: all is done, and a thread that was left would keep it alive."""
        self._on_leave()

    @property
    def is_stopping(self) -> bool:
        return self._stopping.is_set()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Whether the worker shall end, as soon as that is so."""
        return self._stopping.wait(timeout_s)

    def on_stop(self, callback: Callable[[], None]) -> None:
        """Call back once when the worker shall end; at once if that is so already."""
        with self._lock:
            if not self.is_stopping:
                self._callbacks.append(callback)
                return
        callback()

    def on_hurry(self, callback: Callable[[], None]) -> None:
        """Call back when there is no grace any more: a moment is left for handing back what is under way."""
        self._hurry = callback

    def stop(self) -> None:
        """End soon. The work under way has `grace_s`."""
        with self._lock:
            callbacks, self._callbacks = self._callbacks, []
            self._stopping.set()
        for callback in callbacks:
            callback()

    def obey_signals(self) -> None:
        """SIGTERM ends the worker, SIGUSR1 at once. A keyboard's interrupt is the supervisor's to answer."""
        signal.signal(signal.SIGTERM, self._obey)
        signal.signal(signal.SIGUSR1, self._obey)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def _obey(self, number: int, frame: FrameType | None) -> None:
        # In another thread, and one without locks of its own: the main thread, which runs this, may hold any lock.
        start_new_thread(self.stop if number == signal.SIGTERM else self._hurry, ())
