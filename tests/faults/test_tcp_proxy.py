"""The proxy misbehaves as told, and only then."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.faults.tcp_proxy import TcpProxy
from tests.ports import free_port


class EchoServer:
    """Sends back what it gets, and remembers it."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address: tuple[str, int] = self._listener.getsockname()
        self.got = b""
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._echo, args=(connection,), daemon=True).start()

    def _echo(self, connection: socket.socket) -> None:
        with connection:
            try:
                while data := connection.recv(1024):
                    self.got += data
                    connection.sendall(data)
            except OSError:
                return

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@pytest.fixture
def server() -> Iterator[EchoServer]:
    made = EchoServer()
    yield made
    made.close()


@pytest.fixture
def proxy(server: EchoServer) -> Iterator[TcpProxy]:
    with TcpProxy(server.address) as made:
        yield made


@pytest.fixture
def client(proxy: TcpProxy) -> Iterator[socket.socket]:
    with connect(proxy) as made:
        yield made


def connect(proxy: TcpProxy) -> socket.socket:
    return socket.create_connection(("127.0.0.1", proxy.port), timeout=30)


def ask(client: socket.socket, data: bytes = b"ping") -> bytes:
    client.sendall(data)
    return client.recv(1024)


def is_closed(client: socket.socket) -> bool:
    """Whether nothing can come any more. Waits for it, half a minute at most."""
    try:
        return client.recv(1024) == b""
    except ConnectionError:
        return True


def is_reset(proxy: TcpProxy) -> bool:
    """Whether a new connection is closed at once, perhaps while it still connects."""
    try:
        with connect(proxy) as made:
            return is_closed(made)
    except ConnectionError:
        return True


def test_it_passes(proxy: TcpProxy, client: socket.socket) -> None:
    assert ask(client) == b"ping"
    assert proxy.accepted == 1


def test_it_cuts_what_is_open_and_passes_what_is_new(proxy: TcpProxy, client: socket.socket) -> None:
    assert ask(client) == b"ping"
    proxy.cut()
    assert is_closed(client)
    with connect(proxy) as again:
        assert ask(again) == b"ping"


def test_it_refuses_until_it_heals(proxy: TcpProxy) -> None:
    proxy.refuse()
    assert is_reset(proxy)
    proxy.heal()
    with connect(proxy) as again:
        assert ask(again) == b"ping"


def test_it_drops_the_reply_to_what_the_server_has_got(
    proxy: TcpProxy, client: socket.socket, server: EchoServer
) -> None:
    proxy.drop_reply_to(b"secret")
    assert ask(client, b"open") == b"open"
    client.sendall(b"a secret")
    assert is_closed(client)
    assert server.got == b"opena secret"
    assert proxy.dropped == 1
    with connect(proxy) as again:
        assert ask(again, b"secret") == b"secret"


def test_a_black_hole_swallows_all_and_lossy_connections_never_come_back(
    proxy: TcpProxy, client: socket.socket, server: EchoServer
) -> None:
    proxy.black_hole()
    client.settimeout(0.2)
    with pytest.raises(TimeoutError):
        ask(client)
    with connect(proxy) as accepted:
        accepted.settimeout(0.2)
        with pytest.raises(TimeoutError):
            ask(accepted)
    assert server.got == b""
    proxy.heal()
    assert is_closed(client)
    with connect(proxy) as again:
        assert ask(again) == b"ping"


def test_it_is_slow_in_both_directions(proxy: TcpProxy, client: socket.socket) -> None:
    proxy.delay(0.1)
    begin = time.perf_counter()
    assert ask(client) == b"ping"
    assert time.perf_counter() - begin >= 0.2


def test_a_server_that_is_away_is_a_reset() -> None:
    with TcpProxy(("127.0.0.1", free_port())) as proxy:
        assert is_reset(proxy)
