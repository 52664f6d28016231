"""The embedded server: found, started, killed, brought back, shared, and never left behind."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from flowcraft_engine import BackendError
from flowcraft_engine.backends.redis.address import RedisAddress
from flowcraft_engine.backends.redis.connection import connect_blocking
from flowcraft_engine.backends.redis.embedded import EmbeddedRedis, PortTakenError
from flowcraft_engine.backends.redis.server_binary import find_server_binary, packaged_server_binary
from flowcraft_engine.backends.redis.server_lock import is_held, running_server
from tests.redis_server import server_binaries, usual_binary

StartRedis = Callable[..., EmbeddedRedis]

#: Starts a server from a thread that ends at once, tells its process id, and then does what it is told.
STARTER = """
import os, sys, threading
from pathlib import Path
from flowcraft_engine.backends.redis.embedded import EmbeddedRedis
started = []
def start():
    started.append(EmbeddedRedis.start(Path(sys.argv[1]), persistent=sys.argv[2] == "yes"))
thread = threading.Thread(target=start)
thread.start()
thread.join()
print(started[0].pid, started[0].is_attached, flush=True)
sys.stdin.readline()
if sys.argv[3] == "exit":
    os._exit(0)
"""


def get(address: RedisAddress, key: str) -> bytes | None:
    with closing(connect_blocking(address)) as client:
        value = client.get(key)
        assert value is None or isinstance(value, bytes)
        return value


def put(address: RedisAddress, key: str, value: str) -> None:
    with closing(connect_blocking(address)) as client:
        client.set(key, value)


def wait_until(is_true: Callable[[], bool]) -> None:
    """Wait for another process, at most a minute."""
    deadline = time.monotonic() + 60
    while not is_true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.parametrize("kind", sorted(server_binaries()))
def test_every_kind_of_server_starts_and_is_this_machines_only(start_redis: StartRedis, kind: str) -> None:
    server = start_redis(binary=server_binaries()[kind])
    assert server.address.is_loopback
    assert get(server.address, "key") is None
    with closing(connect_blocking(server.address)) as client:
        config = client.config_get("*")
        assert config["bind"] == "127.0.0.1"
        assert config["databases"] == "64"
        assert config["appendonly"] == "no"
        assert config["save"] == ""
        assert config["maxmemory-policy"] == "noeviction"


def test_persistent_data_survives_kill_and_stop(start_redis: StartRedis) -> None:
    server = start_redis(persistent=True, settings={"appendfsync": "always"})
    address = server.address
    put(address, "key", "value")
    server.kill()
    assert not server.is_running
    server.restart()
    assert server.address == address
    assert get(address, "key") == b"value"
    server.stop()
    server.restart()
    assert get(server.address, "key") == b"value"


def test_data_of_tests_is_gone_after_a_restart(start_redis: StartRedis) -> None:
    server = start_redis()
    put(server.address, "key", "value")
    server.restart()
    assert get(server.address, "key") is None


def test_stop_may_be_said_twice_and_leaves_no_process(start_redis: StartRedis) -> None:
    server = start_redis(persistent=True)
    pid = server.pid
    server.stop()
    server.stop()
    assert not server.is_running
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert running_server(server.data_dir) is None


def test_the_second_start_attaches_to_the_first(start_redis: StartRedis, tmp_path: Path) -> None:
    first = start_redis(tmp_path / "data", persistent=True, password="hunter2")
    second = start_redis(tmp_path / "data", persistent=True)
    assert (first.is_attached, second.is_attached) == (False, True)
    assert (second.pid, second.address) == (first.pid, first.address)
    second.stop()
    assert first.is_running
    assert second.is_running
    assert running_server(tmp_path / "data") == first.address
    first.stop()
    assert not second.is_running


def test_starts_at_the_same_moment_share_one_server(start_redis: StartRedis, tmp_path: Path) -> None:
    servers: list[EmbeddedRedis] = []

    def start() -> None:
        servers.append(EmbeddedRedis.start(tmp_path / "data", persistent=True, binary=usual_binary()))

    threads = [threading.Thread(target=start) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({server.pid for server in servers}) == 1
    assert sorted(server.is_attached for server in servers) == [False, True, True, True]
    for server in servers:
        server.stop()


def test_a_password_is_on_no_command_line_and_in_files_of_the_owner_only(
    start_redis: StartRedis, tmp_path: Path
) -> None:
    server = start_redis(tmp_path / "data", persistent=True, password="hunter2")
    put(server.address, "key", "value")
    arguments = subprocess.run(
        ["ps", "-ww", "-o", "args=", "-p", str(server.pid)], capture_output=True, text=True
    ).stdout
    assert "server" in arguments
    assert "hunter2" not in arguments + repr(server.address)
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
    for name in ("lock", "server.log"):
        assert stat.S_IMODE((tmp_path / "data" / name).stat().st_mode) == 0o600


def test_a_folder_may_have_any_name(start_redis: StartRedis, tmp_path: Path) -> None:
    folder = tmp_path / "ein \"Büro\"\\ 'x' #1"
    server = start_redis(folder, persistent=True)
    put(server.address, "key", "value")
    server.restart()
    assert get(server.address, "key") == b"value"
    assert (folder / "appendonlydir").is_dir()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the kernel does not watch parents")
@pytest.mark.parametrize("is_persistent", ["yes", "no"])
@pytest.mark.parametrize("ending", ["exit", "fall off", signal.SIGKILL, signal.SIGTERM])
def test_the_server_ends_with_its_starter_however_that_ends(
    tmp_path: Path, is_persistent: str, ending: str | signal.Signals
) -> None:
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, str(tmp_path), is_persistent, str(ending)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with starter:
        assert starter.stdout is not None
        assert starter.stdout.readline().split()[1] == "False"
        assert is_held(tmp_path), "the thread that called start has ended; the server must not"
        if isinstance(ending, signal.Signals):
            starter.send_signal(ending)
    wait_until(lambda: not is_held(tmp_path))
    assert running_server(tmp_path) is None


def test_a_server_that_outlives_its_starter_keeps_the_lock(start_redis: StartRedis) -> None:
    """As it may be where the kernel does not watch parents: the next start finds it, and starts no second."""
    server = start_redis(persistent=True)
    assert server._lock is not None
    os.close(os.dup(server._lock.descriptor))
    server._lock.close()  # what the death of the starter does
    server._lock = None
    assert is_held(server.data_dir)
    assert start_redis(server.data_dir, persistent=True).pid == server.pid


def test_ctrl_c_in_the_terminal_does_not_reach_the_server(start_redis: StartRedis) -> None:
    assert os.getsid(start_redis().pid) != os.getsid(0)


def test_a_taken_port_is_told(start_redis: StartRedis) -> None:
    first = start_redis()
    with pytest.raises(PortTakenError, match=f"port {first.address.port} is taken"):
        start_redis(port=first.address.port)
    with socket.create_server(("127.0.0.1", 0)) as other, pytest.raises(PortTakenError):
        start_redis(port=other.getsockname()[1])


def test_a_server_that_cannot_start_quotes_its_own_words(start_redis: StartRedis, tmp_path: Path) -> None:
    with pytest.raises(BackendError, match="ended at once") as raised:
        start_redis(tmp_path / "data", settings={"nonsense": "1"})
    assert "nonsense" in (raised.value.hint or "")
    assert not is_held(tmp_path / "data")


def test_a_folder_that_cannot_be_made_is_told(start_redis: StartRedis, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BackendError, match="no server can keep its data in"):
        start_redis(tmp_path / "file" / "data")


def program(folder: Path, name: str) -> Path:
    folder.mkdir(exist_ok=True)
    file = folder / name
    file.write_text("#!/bin/sh\n")
    file.chmod(0o755)
    return file


def test_the_named_server_comes_first_then_path_then_the_package(tmp_path: Path) -> None:
    own = program(tmp_path / "own", "my-server")
    redis = program(tmp_path / "bin", "redis-server")
    path = str(tmp_path / "bin")
    assert find_server_binary({"FLOWCRAFT_REDIS_BINARY": str(own), "PATH": path}) == own
    assert find_server_binary({"PATH": path}) == redis
    valkey = program(tmp_path / "bin", "valkey-server")
    assert find_server_binary({"PATH": path}) == valkey
    assert find_server_binary({"PATH": str(tmp_path)}) == packaged_server_binary()


def test_a_named_server_that_is_none_is_told() -> None:
    with pytest.raises(BackendError, match="FLOWCRAFT_REDIS_BINARY names '/no/such', which is no program"):
        find_server_binary({"FLOWCRAFT_REDIS_BINARY": "/no/such"})


def test_without_any_server_the_way_to_one_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flowcraft_engine.backends.redis.server_binary.packaged_server_binary", lambda: None)
    with pytest.raises(BackendError, match="no Redis or Valkey server") as raised:
        find_server_binary({"PATH": str(tmp_path)})
    assert "flowcraft-py[dev]" in (raised.value.hint or "")
