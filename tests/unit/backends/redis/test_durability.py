"""What a server gives, in words: asked of real servers, and read from facts where no server here is like that."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace

import pytest

from flowcraft_engine import BackendError
from flowcraft_engine.backends.redis import durability
from flowcraft_engine.backends.redis.address import RedisAddress
from flowcraft_engine.backends.redis.connection import connect_blocking
from flowcraft_engine.backends.redis.embedded import EmbeddedRedis
from flowcraft_engine.backends.redis.examination import examine, require_usable
from flowcraft_engine.backends.redis.server_facts import ServerFacts, read_facts
from flowcraft_engine.check import Check, CheckStatus
from tests.ports import free_port

pytestmark = pytest.mark.asyncio

StartRedis = Callable[..., EmbeddedRedis]

GOOD = ServerFacts(
    product="Valkey",
    version=(9, 1, 2),
    redis_version=(7, 2, 4),
    run_id="a",
    is_cluster=False,
    is_sentinel=False,
    is_replica=False,
    replicas=0,
    missing_replicas=0,
    has_aof=True,
    fsync="everysec",
    has_snapshots=False,
    last_write_failed=False,
    eviction="noeviction",
    used_memory=1,
    max_memory=0,
    clock_ahead_s=0.0,
    clock_error_s=0.0,
)


def by_name(checks: list[Check]) -> dict[str, Check]:
    assert len({check.name for check in checks}) == len(checks)
    return {check.name: check for check in checks}


async def look(address: RedisAddress, broker: RedisAddress | None = None) -> dict[str, Check]:
    return by_name(await examine(address, broker or address.broker))


async def test_a_server_of_tests_is_usable_and_keeps_nothing(any_redis_address: RedisAddress) -> None:
    checks = await look(any_redis_address)
    require_usable(checks.values())
    assert checks["durability"].found == "A Redis restart loses all runs. Fine for development."
    assert checks["durability"].status is CheckStatus.WARN
    assert checks["databases"].found == "runs are in database 0, the queue is in database 1"
    assert checks["clock"].status is CheckStatus.OK
    assert checks["eviction"].status is CheckStatus.OK
    assert checks["version"].found.startswith(("Valkey ", "Redis "))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"appendfsync": "everysec"}, "A Redis crash may undo about the last second; work is repeated"),
        ({"appendfsync": "always"}, "Acknowledged starts and results survive a Redis crash."),
        ({"appendfsync": "no"}, "A crash of the machine may undo about the last half minute"),
        ({"appendonly": "no", "save": "900 1"}, "A crash may lose minutes of progress"),
        ({"appendonly": "no"}, "A Redis restart loses all runs."),
    ],
)
async def test_the_promise_follows_the_configuration(
    start_redis: StartRedis, settings: dict[str, str], words: str
) -> None:
    checks = await look(start_redis(persistent=True, settings=settings).address)
    assert checks["durability"].found.startswith(words)
    require_usable(checks.values())


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl"])
async def test_a_server_that_throws_data_away_is_refused(start_redis: StartRedis, policy: str) -> None:
    checks = await look(start_redis(settings={"maxmemory-policy": policy}).address)
    assert checks["eviction"].status is CheckStatus.FAIL
    with pytest.raises(BackendError, match=f"throws data away .maxmemory-policy {policy}.") as raised:
        require_usable(checks.values())
    assert "noeviction" in (raised.value.hint or "")


async def test_a_server_that_lacks_replicas_is_told_and_waited_for(start_redis: StartRedis) -> None:
    server = start_redis()
    with closing(connect_blocking(server.address)) as client:
        client.config_set("min-replicas-to-write", 2)
    checks = await look(server.address)
    assert checks["replicas"].status is CheckStatus.FAIL
    assert checks["replicas"].found == "2 too few are connected: the server takes no writes, and runs wait"
    require_usable(checks.values())


async def test_a_queue_on_a_server_that_throws_data_away_is_refused(
    start_redis: StartRedis, redis_address: RedisAddress
) -> None:
    other = start_redis(settings={"maxmemory-policy": "allkeys-lru"}).address
    checks = await look(redis_address, other)
    assert checks["queue: eviction"].status is CheckStatus.FAIL
    assert "queue: durability" not in checks, "a lost queue repairs itself"


async def test_where_config_is_forbidden_the_words_say_so(start_redis: StartRedis) -> None:
    server = start_redis(persistent=True)
    with closing(connect_blocking(server.address)) as client:
        client.execute_command("ACL", "SETUSER", "limited", "on", ">pw", "~*", "+@all", "-config")
    limited = replace(server.address, username="limited", password="pw")
    checks = await look(limited)
    assert "it does not say" in checks["durability"].found
    assert checks["eviction"].status is CheckStatus.OK, "INFO tells"
    require_usable(checks.values())


async def test_runs_and_queue_in_one_database_are_refused_whatever_their_addresses_are(
    redis_address: RedisAddress,
) -> None:
    checks = await look(redis_address, replace(redis_address, host="localhost"))
    assert checks["databases"].status is CheckStatus.FAIL
    assert "--broker-url" in (checks["databases"].advice or "")


async def test_a_cluster_is_refused(start_redis: StartRedis) -> None:
    settings = {"cluster-enabled": "yes", "cluster-port": str(free_port()), "databases": "1"}
    address = start_redis(settings=settings).address
    assert (await read_facts(address)).is_cluster
    checks = await look(address, address)
    assert checks["role"].status is CheckStatus.FAIL


async def test_a_sentinel_is_refused() -> None:
    [check] = durability.role(replace(GOOD, is_sentinel=True))
    assert check.status is CheckStatus.FAIL


async def test_a_replica_is_refused_and_a_primary_tells_of_failover(start_redis: StartRedis) -> None:
    primary, replica = start_redis(persistent=True), start_redis()
    with closing(connect_blocking(replica.address)) as client:
        client.execute_command("REPLICAOF", "127.0.0.1", primary.address.port)
        assert (await look(replica.address))["role"].found == "the server is a replica, which takes no writes"
    assert durability.durability(replace(GOOD, replicas=1)).found.endswith(
        "A failover may undo what had not been copied."
    )


async def test_a_server_that_cannot_save_is_refused() -> None:
    assert durability.durability(replace(GOOD, last_write_failed=True)).status is CheckStatus.FAIL


async def test_a_clock_that_disagrees_is_told_with_its_direction(redis_address: RedisAddress) -> None:
    ahead = by_name(await examine(redis_address, redis_address.broker, wall_clock=lambda: 0.0))["clock"]
    assert ahead.status is CheckStatus.WARN
    assert "ahead of ours" in ahead.found
    behind = durability.clock(replace(GOOD, clock_ahead_s=-2.5))
    assert "2.5 s behind ours" in behind.found
    unknown = durability.clock(replace(GOOD, clock_ahead_s=2.5, clock_error_s=2.0))
    assert unknown.status is CheckStatus.OK, "the answer itself took that long"


@pytest.mark.parametrize(
    ("product", "version", "redis_version", "status"),
    [
        ("Redis", (5, 0, 14), (5, 0, 14), CheckStatus.FAIL),
        ("Redis", (6, 0, 16), (6, 0, 16), CheckStatus.FAIL),
        ("Redis", (6, 2, 19), (6, 2, 19), CheckStatus.WARN),
        ("Redis", (6, 2, 20), (6, 2, 20), CheckStatus.OK),
        ("Redis", (7, 0, 15), (7, 0, 15), CheckStatus.WARN),
        ("Redis", (7, 4, 6), (7, 4, 6), CheckStatus.OK),
        ("Redis", (8, 4, 0), (8, 4, 0), CheckStatus.OK),
        ("Redis", (), (), CheckStatus.FAIL),
        ("Valkey", (8, 1, 3), (7, 2, 4), CheckStatus.WARN),
        ("Valkey", (8, 1, 4), (7, 2, 4), CheckStatus.OK),
        ("Valkey", (9, 0, 0), (7, 2, 4), CheckStatus.OK),
    ],
)
async def test_versions_are_judged_by_their_own_line(
    product: str, version: tuple[int, ...], redis_version: tuple[int, ...], status: CheckStatus
) -> None:
    facts = replace(GOOD, product=product, version=version, redis_version=redis_version)
    assert durability.version(facts).status is status


async def test_nearly_full_memory_is_told() -> None:
    assert durability.memory(GOOD) == []
    [check] = durability.memory(replace(GOOD, used_memory=95, max_memory=100))
    assert check.found == "95 % of the server's memory is used"


async def test_used_up_memory_fails_the_check_and_keeps_no_worker_away() -> None:
    """A worker waits meanwhile, and makes room when it forgets old runs."""
    [check] = durability.memory(replace(GOOD, used_memory=101, max_memory=100))
    assert check.status is CheckStatus.FAIL
    require_usable([check])


async def test_what_does_not_answer_is_an_error() -> None:
    with pytest.raises(BackendError, match="there is no such socket"):
        await look(RedisAddress(socket="/no/such.sock"))


@pytest.mark.parametrize(
    "check", [*durability.checks_of(replace(GOOD, has_aof=None, eviction=None)), *durability.checks_of(GOOD)]
)
async def test_whoever_is_warned_is_told_what_to_do(check: Check) -> None:
    assert (check.advice is None) == (check.status is CheckStatus.OK)
    assert check.to_json() == {
        "name": check.name,
        "status": check.status.value,
        "found": check.found,
        "advice": check.advice,
    }
