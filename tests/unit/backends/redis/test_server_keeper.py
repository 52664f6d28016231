"""A server that dies is brought back with its data, on its port; one that was ended in order stays ended."""

from __future__ import annotations

import time
from pathlib import Path

from flowcraft_engine.backends.redis.connection import connect_blocking
from flowcraft_engine.backends.redis.embedded import EmbeddedRedis
from flowcraft_engine.backends.redis.server_keeper import ServerKeeper


def test_a_dead_server_comes_back_with_what_it_had(tmp_path: Path) -> None:
    said: list[str] = []
    with EmbeddedRedis.start(
        tmp_path, persistent=True, password="p", settings={"appendfsync": "always"}
    ) as server:
        address = server.address
        client = connect_blocking(address)
        client.set("kept", "yes")
        client.close()
        with ServerKeeper(server, said.append, look_s=0.01):
            server.kill()
            deadline = time.monotonic() + 60
            while "the Redis server is back" not in said:
                assert time.monotonic() < deadline
                time.sleep(0.01)
            assert server.address == address
            client = connect_blocking(address)
            assert client.get("kept") == b"yes"
            client.close()
    assert said[0].startswith("warning: the Redis server has died")
    assert not server.is_running
