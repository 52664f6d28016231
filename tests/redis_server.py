"""Real Redis servers for tests: one for the session of a pytest process, or one of its own for a test.

`redis_url` is what most tests want: an empty database on the session's server. `any_redis_url` runs a test on every
kind of server that this machine has. `start_redis` is for tests that kill, stop or configure their server.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from flowcraft_engine.backends.redis.address import RedisAddress
from flowcraft_engine.backends.redis.connection import connect_blocking
from flowcraft_engine.backends.redis.embedded import EmbeddedRedis
from flowcraft_engine.backends.redis.server_binary import (
    VARIABLE,
    find_server_binary,
    packaged_server_binary,
)
from tests.ports import free_port

#: Lets tests stop a server for a moment: DEBUG SLEEP.
_SETTINGS = {"enable-debug-command": "local"}


def server_binaries() -> dict[str, Path]:
    """Every kind of server on this machine, by name."""
    found = {name: shutil.which(f"{name}-server") for name in ("valkey", "redis")}
    valkey = packaged_server_binary()
    return {
        **({"valkey": valkey} if valkey is not None else {}),
        **{name: Path(path) for name, path in found.items() if path and not (name == "valkey" and valkey)},
    }


def usual_binary() -> Path:
    """What `FLOWCRAFT_REDIS_BINARY` names, else Valkey, else what there is."""
    return (
        find_server_binary() if os.environ.get(VARIABLE) else packaged_server_binary() or find_server_binary()
    )


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedRedis]:
    """The server of this pytest process. Tests must leave it running, with its configuration as it was."""
    with _start(tmp_path_factory.mktemp("redis"), usual_binary()) as server:
        yield server


@pytest.fixture
def redis_url(redis_server: EmbeddedRedis) -> str:
    """Database 0 of an empty server; the queue's is 1."""
    return _emptied(redis_server.address).url


@pytest.fixture
def redis_address(redis_url: str) -> RedisAddress:
    """`redis_url`, parsed."""
    return RedisAddress.parse(redis_url)


@pytest.fixture(scope="session", params=sorted(server_binaries()) or ["none"])
def any_redis_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[EmbeddedRedis]:
    """A server of each kind that this machine has: Valkey, and Redis if it is installed."""
    binary = server_binaries().get(request.param) or find_server_binary()
    with _start(tmp_path_factory.mktemp(request.param), binary) as server:
        yield server


@pytest.fixture(scope="session")
def server_of_kind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], EmbeddedRedis]]:
    """The session's server of a kind (see `server_binaries`), started when it is first asked for, and emptied."""
    started: dict[str, EmbeddedRedis] = {}

    def server(kind: str) -> EmbeddedRedis:
        if kind not in started:
            started[kind] = _start(tmp_path_factory.mktemp(kind), server_binaries()[kind])
        _emptied(started[kind].address)
        return started[kind]

    yield server
    for each in started.values():
        each.stop()


@pytest.fixture
def any_redis_url(any_redis_server: EmbeddedRedis) -> str:
    """Database 0 of an empty server of each kind; the queue's is 1."""
    return _emptied(any_redis_server.address).url


@pytest.fixture
def any_redis_address(any_redis_url: str) -> RedisAddress:
    """`any_redis_url`, parsed."""
    return RedisAddress.parse(any_redis_url)


@pytest.fixture
def start_redis(tmp_path: Path) -> Iterator[Callable[..., EmbeddedRedis]]:
    """Starts servers of one test: `start_redis()`, `start_redis(persistent=True, settings={…})`.

    One that is killed, and has to know all it was told, needs `appendfsync: always`: else it may hold writes back for
    two seconds while the disk is busy.
    """
    started: list[EmbeddedRedis] = []

    def start(folder: Path | None = None, *, persistent: bool = False, **options: Any) -> EmbeddedRedis:
        place = folder or tmp_path / f"redis-{len(started)}"
        options.setdefault("binary", usual_binary())
        # Nobody else is given it while the server is away.
        options.setdefault("port", free_port())
        started.append(EmbeddedRedis.start(place, persistent=persistent, **options))
        return started[-1]

    yield start
    for server in started:
        server.stop()


def _start(folder: Path, binary: Path) -> EmbeddedRedis:
    return EmbeddedRedis.start(folder, persistent=False, binary=binary, settings=_SETTINGS)


def _emptied(address: RedisAddress) -> RedisAddress:
    with closing(connect_blocking(address)) as client:
        client.flushall()
    return address
