"""A primary that real Sentinels name: found, followed in a failover, and missed in a sentence."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
import redis

from flowcraft_engine import BackendError
from flowcraft_engine.backends.redis.address import RedisAddress, broker_address
from flowcraft_engine.backends.redis.connection import RedisAwayError, connect, connect_blocking, redis_errors
from flowcraft_engine.backends.redis.embedded import EmbeddedRedis
from flowcraft_engine.backends.redis.examination import examine
from flowcraft_engine.backends.redis.link import Link
from flowcraft_engine.backends.redis.sentinel import Sentinels
from flowcraft_engine.backends.redis.tied_process import TiedProcess
from tests.ports import free_port
from tests.redis_server import usual_binary

PASSWORD = "of the service"
SENTINEL_PASSWORD = "of the sentinel"
_PATIENCE_S = 60.0


class Watch:
    """A primary, its replica, and one Sentinel that watches them as the service `shop`."""

    def __init__(self, folder: Path, primary: EmbeddedRedis, replica: EmbeddedRedis) -> None:
        self.primary, self.replica = primary, replica
        self.port = free_port()
        self._log = folder / "sentinel.log"
        configuration = folder / "sentinel.conf"
        configuration.write_text(
            f'bind 127.0.0.1\nport {self.port}\ndir "{folder}"\nrequirepass "{SENTINEL_PASSWORD}"\n'
            f"sentinel monitor shop 127.0.0.1 {primary.address.port} 1\n"
            f'sentinel auth-pass shop "{PASSWORD}"\n'
            "sentinel down-after-milliseconds shop 2000\nsentinel failover-timeout shop 3000\n"
        )
        command = [str(usual_binary()), str(configuration), "--sentinel"]
        with self._log.open("ab") as log:
            self._process = TiedProcess(
                command, stdin="", log=self._log, ending=signal.SIGKILL, descriptor=log.fileno()
            )
        self.until(lambda sentinel: sentinel.sentinel_slaves("shop")[0]["master-link-status"] == "ok")

    @property
    def address(self) -> RedisAddress:
        # The first Sentinel is one that is gone.
        hosts = (("127.0.0.1", free_port()), ("127.0.0.1", self.port))
        return RedisAddress(password=PASSWORD, sentinels=Sentinels(hosts, "shop", password=SENTINEL_PASSWORD))

    def until(self, holds: Callable[[redis.Redis], bool]) -> None:
        """Wait for what the Sentinel sees."""
        deadline = time.monotonic() + _PATIENCE_S
        place = RedisAddress(host="127.0.0.1", port=self.port, password=SENTINEL_PASSWORD)
        while True:
            try:
                with closing(connect_blocking(place)) as sentinel:
                    if holds(sentinel):
                        return
            except (redis.RedisError, OSError, IndexError, KeyError):
                pass  # it starts, or has not seen the replica yet
            assert time.monotonic() < deadline, self._log.read_text()
            time.sleep(0.02)

    def stop(self) -> None:
        self._process.end(signal.SIGKILL)


@pytest.fixture
def watch(tmp_path: Path, start_redis: Callable[..., EmbeddedRedis]) -> Iterator[Watch]:
    settings = {"masterauth": PASSWORD, "repl-diskless-sync-delay": "0"}
    primary, replica = (start_redis(password=PASSWORD, settings=settings) for _ in range(2))
    with closing(connect_blocking(replica.address)) as client:
        client.replicaof("127.0.0.1", str(primary.address.port))
        deadline = time.monotonic() + _PATIENCE_S
        while client.info("replication")["master_link_status"] != "up":
            assert time.monotonic() < deadline
            time.sleep(0.02)
    made = Watch(tmp_path, primary, replica)
    yield made
    made.stop()


def test_the_primary_is_found_by_both_kinds_of_client(watch: Watch) -> None:
    address = RedisAddress.parse(watch.address.url)
    with closing(connect_blocking(replace(address, db=1))) as client:
        client.set("key", "one")

    async def ask() -> bytes | None:
        client = connect(broker_address(address, None))
        try:
            found: bytes | None = await client.get("key")
            return found
        finally:
            await client.aclose()

    assert asyncio.run(ask()) == b"one"
    with closing(connect_blocking(replace(watch.primary.address, db=1))) as direct:
        assert direct.get("key") == b"one"


def test_a_link_goes_on_with_the_new_primary_when_the_old_one_dies(watch: Watch) -> None:
    async def work() -> None:
        link = Link(watch.address, patience_s=_PATIENCE_S)
        try:
            await link.call("SET", "before", "1")
            await link.call("WAIT", 1, 5_000)  # the replica has it
            watch.primary.kill()
            await link.call("SET", "after", "2")
            assert await link.call("GET", "before") == b"1"
        finally:
            await link.close()

    asyncio.run(work())
    with closing(connect_blocking(watch.replica.address)) as direct:
        assert (direct.get("after"), direct.info("replication")["role"]) == (b"2", "master")


def test_an_old_primary_that_became_a_replica_is_left(watch: Watch) -> None:
    with closing(connect_blocking(watch.address)) as client:
        client.set("key", "one")
        with closing(
            connect_blocking(RedisAddress("127.0.0.1", watch.port, password=SENTINEL_PASSWORD))
        ) as it:
            it.execute_command("SENTINEL", "FAILOVER", "shop")
        # Until the Sentinel tells it, the old primary takes writes that are lost: nothing here can know better.
        with closing(connect_blocking(watch.primary.address)) as old:
            watch.until(lambda _: old.info("replication")["role"] == "slave")
        deadline = time.monotonic() + _PATIENCE_S
        while True:
            try:
                with redis_errors(watch.address):
                    client.set("key", "two")
                break
            except RedisAwayError:
                assert time.monotonic() < deadline
                time.sleep(0.05)
    with closing(connect_blocking(watch.replica.address)) as direct:
        assert direct.get("key") == b"two"


def test_an_examination_says_what_a_failover_costs(watch: Watch) -> None:
    checks = asyncio.run(examine(watch.address, broker_address(watch.address, None)))
    words = " ".join(check.found for check in checks)
    assert "A failover may undo what had not been copied." in words
    assert PASSWORD not in words
    assert SENTINEL_PASSWORD not in words


@pytest.mark.parametrize("change", [{"service": "other"}, {"password": "wrong"}, {"password": None}])
def test_without_a_primary_there_is_a_sentence(watch: Watch, change: dict[str, str | None]) -> None:
    assert watch.address.sentinels is not None
    address = replace(watch.address, sentinels=replace(watch.address.sentinels, **change))
    with (
        closing(connect_blocking(address)) as client,
        pytest.raises(BackendError, match="no Sentinel names one") as caught,
        redis_errors(address),
    ):
        client.ping()
    assert "sentinel_password" in str(caught.value.hint)


def test_without_a_sentinel_there_is_a_sentence_for_the_event_loop_too() -> None:
    address = RedisAddress(sentinels=Sentinels((("127.0.0.1", free_port()),), "shop"))

    async def ask() -> None:
        client = connect(address)
        try:
            with redis_errors(address):
                await client.ping()
        finally:
            await client.aclose()

    with pytest.raises(RedisAwayError, match="no Sentinel names one"):
        asyncio.run(ask())
