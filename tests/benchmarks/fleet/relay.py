"""Stands between workers and their server, passes everything on and counts it: bytes, and commands that were sent.

The server counts what its scripts execute, too, and does not say whose it was.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from dataclasses import dataclass
from types import TracebackType
from typing import Self

_CHUNK = 256 * 1024


@dataclass(frozen=True)
class Traffic:
    commands: int
    to_server: int
    from_server: int

    def __sub__(self, earlier: Traffic) -> Traffic:
        return Traffic(
            self.commands - earlier.commands,
            self.to_server - earlier.to_server,
            self.from_server - earlier.from_server,
        )


class Relay:
    """Threads and sockets only. A context manager; `port` is where the clients connect."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._commands = self._to_server = self._from_server = 0

    @property
    def traffic(self) -> Traffic:
        """All that has passed so far."""
        with self._lock:
            return Traffic(self._commands, self._to_server, self._from_server)

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, name="relay", daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for each in (self._listener, *self._sockets):
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed: the end
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(self._target)
                for each in (client, server):
                    each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self._sockets.append(each)
                for pump in (self._pump_requests, self._pump_replies):
                    threading.Thread(target=pump, args=(client, server), daemon=True).start()

    def _pump_requests(self, client: socket.socket, server: socket.socket) -> None:
        counter = CommandCounter()
        with contextlib.suppress(OSError):
            while data := client.recv(_CHUNK):
                commands = counter.feed(data)
                with self._lock:
                    self._commands += commands
                    self._to_server += len(data)
                server.sendall(data)
            server.shutdown(socket.SHUT_WR)

    def _pump_replies(self, client: socket.socket, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(_CHUNK):
                with self._lock:
                    self._from_server += len(data)
                client.sendall(data)
            client.shutdown(socket.SHUT_WR)


class CommandCounter:
    """Counts the commands in a stream of requests: arrays of strings, each with its length before it."""

    def __init__(self) -> None:
        self._head = b""
        #: Of a string that is passed over, its line end included.
        self._skip = 0

    def feed(self, data: bytes) -> int:
        """How many commands begin in what has come now."""
        commands, at = 0, 0
        while at < len(data):
            if self._skip:
                step = min(self._skip, len(data) - at)
                self._skip -= step
                at += step
                continue
            end = data.find(b"\n", at)
            if end < 0:
                self._head += data[at:]
                return commands
            line, self._head, at = self._head + data[at:end], b"", end + 1
            if line.startswith(b"*"):
                commands += 1
            else:
                self._skip = int(line[1:]) + 2
        return commands
