"""A TCP proxy that misbehaves on demand: what stands between us and a server in a bad network.

    with TcpProxy(("127.0.0.1", server_port)) as proxy:
        connect_to("127.0.0.1", proxy.port)
        proxy.black_hole()
        ...
        proxy.heal()

Threads and sockets only, so it goes on while the event loop under test is blocked.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Literal, Self

Mode = Literal["pass", "refuse", "black hole"]
_CHUNK = 64 * 1024


class TcpProxy:
    """Each fault begins at once, for the connections there are and for new ones."""

    def __init__(self, target: tuple[str, int]) -> None:
        self.target = target
        self.mode: Mode = "pass"
        self.latency_s = 0.0
        #: How many connections were ever accepted, and how many replies were dropped.
        self.accepted = 0
        self.dropped = 0
        self._lines: set[_Line] = set()
        self._lock = threading.Lock()
        self._pattern: bytes | None = None
        self._drops_left = 0
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()

    def heal(self) -> None:
        """Behave. Connections that have lost bytes are cut, for they can never be right again."""
        self.mode, self.latency_s = "pass", 0.0
        self._pattern = None
        for line in self._open_lines():
            if line.lossy:
                line.cut()

    def cut(self) -> None:
        """Reset all connections now; new ones pass."""
        for line in self._open_lines():
            line.cut()

    def refuse(self) -> None:
        """Reset all connections, and each new one at once."""
        self.mode = "refuse"
        self.cut()

    def black_hole(self) -> None:
        """Swallow every byte in both directions; connections stay open and new ones are accepted."""
        self.mode = "black hole"

    def delay(self, seconds: float) -> None:
        """Hold every piece of data back, in each direction."""
        self.latency_s = seconds

    def drop_reply_to(self, pattern: bytes, *, times: int = 1) -> None:
        """Let a request that contains `pattern` through, and cut its connection instead of bringing the reply."""
        self._pattern, self._drops_left = pattern, times

    def close(self) -> None:
        self.mode = "refuse"
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def takes_reply_of(self, data: bytes) -> bool:
        """Whether the reply to this request is to be dropped. Counts."""
        with self._lock:
            if self._pattern is None or self._drops_left <= 0 or self._pattern not in data:
                return False
            self._drops_left -= 1
            self.dropped += 1
            return True

    def forget(self, line: _Line) -> None:
        with self._lock:
            self._lines.discard(line)

    def _open_lines(self) -> list[_Line]:
        with self._lock:
            return list(self._lines)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            if self.mode == "refuse":
                _reset(client)
                continue
            try:
                line = _Line(self, client)
            except OSError:  # the server is away
                _reset(client)
                continue
            with self._lock:
                self._lines.add(line)
            line.start()


class _Line:
    """One connection through the proxy."""

    def __init__(self, proxy: TcpProxy, client: socket.socket) -> None:
        self._proxy = proxy
        self._client = client
        self._server = socket.create_connection(proxy.target, timeout=5)
        self._server.settimeout(None)
        for end in (client, self._server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._muted = False
        #: Bytes were swallowed.
        self.lossy = False

    def start(self) -> None:
        for pump in (self._requests, self._replies):
            threading.Thread(target=pump, name="proxy line", daemon=True).start()

    def cut(self) -> None:
        self._proxy.forget(self)
        for end in (self._client, self._server):
            _reset(end)

    def _requests(self) -> None:
        for data in _pieces(self._client):
            if self._proxy.takes_reply_of(data):
                self._muted = True
            if not self._pass_on(self._server, data):
                break
        self.cut()

    def _replies(self) -> None:
        for data in _pieces(self._server):
            if self._muted or not self._pass_on(self._client, data):
                break
        self.cut()

    def _pass_on(self, end: socket.socket, data: bytes) -> bool:
        """False when the other end is gone."""
        if self._proxy.latency_s:
            time.sleep(self._proxy.latency_s)
        if self._proxy.mode == "black hole":
            self.lossy = True
            return True
        if self.lossy:
            return False  # what comes after a gap must not be taken for what is missing
        try:
            end.sendall(data)
        except OSError:
            return False
        return True


def _pieces(end: socket.socket) -> Iterator[bytes]:
    """What arrives at one end of a line, until it is closed."""
    while True:
        try:
            data = end.recv(_CHUNK)
        except OSError:
            return
        if not data:
            return
        yield data


def _reset(end: socket.socket) -> None:
    """Close with a reset, and wake up whoever reads from it."""
    with contextlib.suppress(OSError):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
