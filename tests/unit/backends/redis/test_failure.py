"""What can be wrong with a Redis server: one sentence and a hint each, told by real servers and real sockets."""

from __future__ import annotations

import asyncio
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from flowcraft_engine import BackendError
from flowcraft_engine.backends.redis.address import RedisAddress
from flowcraft_engine.backends.redis.connection import connect, connect_blocking, redis_errors
from flowcraft_engine.backends.redis.embedded import EmbeddedRedis
from flowcraft_engine.backends.redis.failure import RedisAwayError
from tests.ports import free_port

SECRET = "hunter2"


def failure(address: RedisAddress, *command: object, timeout_s: float = 5.0) -> BackendError:
    """The error of a command; the same in a thread and on an event loop."""
    command = command or ("PING",)
    with pytest.raises(BackendError) as in_thread:
        blocking(address, *command, timeout_s=timeout_s)
    with pytest.raises(BackendError) as on_loop:
        asyncio.run(looping(address, *command, timeout_s=timeout_s))
    error = in_thread.value
    assert (type(error), error.message, error.hint) == (
        type(on_loop.value),
        on_loop.value.message,
        on_loop.value.hint,
    )
    assert error.exit_code == 9
    assert SECRET not in f"{error.message} {error.hint} {error.__cause__!r} {error.__cause__}"
    assert "\n" not in f"{error.message}{error.hint}"
    assert error.message.startswith(f"Redis at {address.place} ")
    return error


def blocking(address: RedisAddress, *command: object, timeout_s: float = 5.0) -> object:
    client = connect_blocking(address, timeout_s=timeout_s)
    try:
        with redis_errors(address):
            return client.execute_command(*(command or ("PING",)))
    finally:
        client.close()


async def looping(address: RedisAddress, *command: object, timeout_s: float = 5.0) -> object:
    client = connect(address, timeout_s=timeout_s)
    try:
        with redis_errors(address):
            return await client.execute_command(*(command or ("PING",)))
    finally:
        await client.aclose()


@contextmanager
def listener(answer: bytes | None, wrap: ssl.SSLContext | None = None) -> Iterator[RedisAddress]:
    """A port where something else answers: the bytes, or nothing at all."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        held: list[socket.socket] = []

        def serve() -> None:
            with suppress(OSError):
                while True:
                    client, _ = server.accept()
                    held.append(client)
                    if answer is not None:
                        client.recv(1000)
                        client.sendall(answer)
                        client.close()

        thread = threading.Thread(target=serve)
        thread.start()
        yield RedisAddress(host="127.0.0.1", port=server.getsockname()[1])
        server.shutdown(socket.SHUT_RDWR)
        thread.join()
        for client in held:
            client.close()


def test_a_closed_port_says_that_nothing_listens() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        error = failure(RedisAddress(host="127.0.0.1", port=taken.getsockname()[1]))
    assert "nothing listens there" in error.message
    assert isinstance(error, RedisAwayError)
    assert error.hint is not None
    assert "flowcraft dev" in error.hint


def test_a_missing_socket_is_named() -> None:
    error = failure(RedisAddress(socket="/no/such/redis.sock"))
    assert error.message == "Redis at /no/such/redis.sock cannot be reached: there is no such socket"


def test_an_unknown_host_is_named() -> None:
    error = failure(RedisAddress.parse(f"redis://:{SECRET}@nosuch.invalid"))
    assert error.message == "Redis at nosuch.invalid:6379 cannot be found: there is no such host"
    assert isinstance(error, RedisAwayError)


def test_an_http_server_is_recognised() -> None:
    with listener(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n") as address:
        error = failure(address)
    assert error.message.endswith("is no Redis: an HTTP server answers")
    assert not isinstance(error, RedisAwayError)


def test_a_server_of_another_kind_is_recognised() -> None:
    with listener(b"SSH-2.0-OpenSSH_9.2\r\n") as address:
        assert "is no Redis: something else answers" in failure(address).message


def test_a_silent_server_is_waited_for_only_so_long() -> None:
    with listener(None) as address:
        error = failure(address, timeout_s=0.05)
    assert error.message.endswith("did not answer in time")
    assert isinstance(error, RedisAwayError)


def test_tls_against_a_server_without_it_suggests_the_other_url(monkeypatch: pytest.MonkeyPatch) -> None:
    with listener(b"-ERR unknown\r\n") as address:
        error = failure(RedisAddress(host=address.host, port=address.port, tls=True))
    assert "does not speak TLS" in error.message
    assert "redis://" in (error.hint or "")


@pytest.mark.parametrize("login", ["", f":not-{SECRET}@", f"bob:{SECRET}@"])
def test_a_wrong_or_missing_password_is_told_without_showing_it(
    start_redis: Callable[..., EmbeddedRedis], login: str
) -> None:
    port = start_redis(password=SECRET).address.port
    error = failure(RedisAddress.parse(f"redis://{login}127.0.0.1:{port}"))
    expected = "refused the user name or the password" if login else "asks for a password"
    assert error.message.endswith(expected)
    assert not isinstance(error, RedisAwayError)


def test_a_password_for_a_server_that_has_none_is_told(redis_address: RedisAddress) -> None:
    error = failure(RedisAddress(host=redis_address.host, port=redis_address.port, password=SECRET))
    assert "has no password, and the URL gives one" in error.message


def test_what_a_user_may_not_do_is_told(redis_address: RedisAddress) -> None:
    blocking(redis_address, "ACL", "SETUSER", "guest", "on", f">{SECRET}", "+ping")
    guest = RedisAddress(host=redis_address.host, port=redis_address.port, username="guest", password=SECRET)
    try:
        assert "does not allow this to the user" in failure(guest, "GET", "key").message
    finally:
        blocking(redis_address, "ACL", "DELUSER", "guest")


def test_a_database_that_is_not_there_is_named(redis_address: RedisAddress) -> None:
    error = failure(RedisAddress(host=redis_address.host, port=redis_address.port, db=64))
    assert error.message.endswith("has no database 64")


def test_a_key_of_another_program_is_told(redis_address: RedisAddress) -> None:
    blocking(redis_address, "SET", "key", "text")
    error = failure(redis_address, "LPUSH", "key", "item")
    assert "holds something else under a key" in error.message


def test_an_unknown_command_says_which_version_is_needed(redis_address: RedisAddress) -> None:
    error = failure(redis_address, "NEWEST", "{braces}")
    assert "does not know a command" in error.message
    assert "6.2" in (error.hint or "")


def test_any_other_refusal_is_quoted_in_one_line(redis_address: RedisAddress) -> None:
    error = failure(redis_address, "EVAL", "return redis.error_reply('ERR {no} way')", 0)
    assert "refused a command: " in error.message
    assert "{no} way" in error.message


def test_full_memory_may_pass(start_redis: Callable[..., EmbeddedRedis]) -> None:
    error = failure(start_redis(settings={"maxmemory": "1"}).address, "SET", "key", "text")
    assert "out of memory" in error.message
    assert isinstance(error, RedisAwayError)


def test_a_replica_takes_no_writes(start_redis: Callable[..., EmbeddedRedis]) -> None:
    replica = start_redis()
    blocking(replica.address, "REPLICAOF", "127.0.0.1", replica.address.port)
    error = failure(replica.address, "SET", "key", "text")
    assert "is a replica" in error.message
    assert isinstance(error, RedisAwayError), "a failover may have just happened"


def test_too_many_clients_may_pass(start_redis: Callable[..., EmbeddedRedis]) -> None:
    server = start_redis()
    with connect_blocking(server.address) as holder:
        holder.execute_command("CONFIG", "SET", "maxclients", "1")
        error = failure(server.address)
    assert "has too many clients" in error.message
    assert isinstance(error, RedisAwayError)


@pytest.mark.parametrize("command", [("SET", "key", "text"), ("GET", "key")])
def test_a_cluster_is_recognised(start_redis: Callable[..., EmbeddedRedis], command: tuple[str, ...]) -> None:
    settings = {"cluster-enabled": "yes", "cluster-port": str(free_port()), "databases": "1"}
    address = start_redis(settings=settings).address
    assert "a part of a Redis Cluster" in failure(address, *command).message


def test_a_server_that_loads_its_data_may_be_asked_again(start_redis: Callable[..., EmbeddedRedis]) -> None:
    server = start_redis(persistent=True, settings={"key-load-delay": "500", "appendfsync": "always"})
    with connect_blocking(server.address) as client:
        pipeline = client.pipeline(transaction=False)
        for number in range(4096):
            pipeline.set(f"key-{number}", "text")
        pipeline.execute()
    errors: list[BackendError] = []

    def ask() -> None:
        while server.is_running and not errors:
            try:
                blocking(server.address)
            except BackendError as error:
                if "loading" in error.message:
                    errors.append(error)

    server.kill()
    restarting = threading.Thread(target=server.restart)
    restarting.start()
    while restarting.is_alive() and not errors:
        ask()
    restarting.join()
    assert errors[0].message.endswith("is still loading its data")
    assert isinstance(errors[0], RedisAwayError)
    assert blocking(server.address, "DBSIZE") == 4096, "a start waits for the data"


def test_a_server_that_goes_away_is_told(start_redis: Callable[..., EmbeddedRedis]) -> None:
    server = start_redis()
    with connect_blocking(server.address) as client:
        client.ping()
        server.kill()
        with pytest.raises(RedisAwayError, match=r"refused|closed"), redis_errors(server.address):
            client.ping()
    server.restart()
    assert blocking(server.address) is True


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for this machine, with its key, that nobody trusts."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("makes its certificate with openssl")
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    making = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    subprocess.run(
        [openssl, *making.split(), *names, "-keyout", str(file), "-out", f"{file}.crt"],
        check=True,
        capture_output=True,
    )
    return file


@pytest.fixture
def tls_port(certificate: Path, start_redis: Callable[..., EmbeddedRedis]) -> int:
    """The port of a server that speaks TLS."""
    binary = shutil.which("redis-server")
    if binary is None:
        pytest.skip("needs a redis-server that speaks TLS")
    port = free_port()
    start_redis(
        binary=Path(binary),
        settings={
            "tls-port": str(port),
            "tls-cert-file": f"{certificate}.crt",
            "tls-key-file": str(certificate),
            "tls-ca-cert-file": f"{certificate}.crt",
            "tls-auth-clients": "no",
        },
    )
    return port


def test_tls_checks_the_certificate(tls_port: int, certificate: Path) -> None:
    url = f"rediss://127.0.0.1:{tls_port}"
    error = failure(RedisAddress.parse(url))
    assert "has a certificate that is not trusted: self-signed certificate" in error.message
    for query in (f"ssl_ca_certs={certificate}.crt", "ssl_cert_reqs=none"):
        assert blocking(RedisAddress.parse(f"{url}?{query}")) is True
        assert asyncio.run(looping(RedisAddress.parse(f"{url}?{query}"))) is True


def test_a_missing_certificate_file_is_told(tls_port: int) -> None:
    error = failure(RedisAddress.parse(f"rediss://127.0.0.1:{tls_port}?ssl_ca_certs=/no/such.crt"))
    assert "a certificate file of its URL cannot be read" in error.message


def test_no_tls_against_a_server_that_wants_it_suggests_the_other_url(tls_port: int) -> None:
    error = failure(RedisAddress.parse(f"redis://127.0.0.1:{tls_port}"))
    assert error.message.endswith("closed the connection")
    assert "rediss://" in (error.hint or "")
