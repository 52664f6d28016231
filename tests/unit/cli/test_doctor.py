"""`flowcraft doctor`: what it finds, what it says, and how it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from flowcraft_engine.backends.redis.embedded import EmbeddedRedis
from flowcraft_engine.backends.redis.fleet import RedisFleet
from flowcraft_engine.backends.redis.link import Link
from flowcraft_engine.backends.redis.store import RedisCoordinationStore
from flowcraft_engine.stores.fleet import WorkerManifest
from tests.ports import free_port

PASSWORD = "s3cr3t/:@pass"


def found(outcome, name: str) -> list[tuple[str, str]]:
    return [(it["status"], it["found"]) for it in outcome.json["checks"] if it["name"] == name]


def test_without_redis_all_is_well(flowcraft, folder):
    outcome = flowcraft("doctor")
    assert (outcome.code, outcome.err) == (0, "\nall is well\n")
    for name in ("python", "packages", "project", "nodes", "state", "redis"):
        assert f"✓ {name} " in outcome.out
    assert not (folder / ".flowcraft").exists()


def test_without_redis_it_is_not_imported(process):
    done = process("doctor", PYTHONPROFILEIMPORTTIME="1")
    assert done.code == 0
    assert "dramatiq" not in done.err
    assert " redis.asyncio" not in done.err


def test_the_document_has_every_check(flowcraft):
    document = flowcraft("doctor", "--json").json
    assert (document["schema"], document["ok"]) == (1, True)
    assert set(document["checks"][0]) == {"name", "status", "found", "advice"}


def test_modules_are_looked_at_one_by_one_and_stdout_stays_clean(flowcraft):
    Path("shop.py").write_text(
        "from flowcraft_engine import node\nprint('noise')\n"
        "@node('buy')\ndef buy(input): return 1\n@node('sell')\ndef sell(input): return 2\n"
    )
    Path("broken.py").write_text("1 / 0\n")
    outcome = flowcraft("doctor", "--app", "shop", "--app", "broken", "--app", "nowhere", "--json")
    assert outcome.code == 8
    first, second, third, *_ = found(outcome, "nodes")
    assert first == ("ok", "shop: 2 node types (buy, sell)")
    assert second[0] == third[0] == "fail"
    assert "broken.py:1" in second[1]
    assert "nowhere" in third[1]


def test_a_name_that_two_modules_define_fails(flowcraft):
    for name in ("one", "two"):
        Path(f"{name}_shop.py").write_text(
            "from flowcraft_engine import node\n@node('buy')\ndef buy(input): return 1\n"
        )
    outcome = flowcraft("doctor", "--app", "one_shop", "--app", "two_shop", "--json")
    assert outcome.code == 8
    assert any("defined twice" in words for status, words in found(outcome, "nodes") if status == "fail")


def test_wrong_settings_are_a_finding_and_the_rest_is_still_looked_at(flowcraft):
    Path("flowcraft.toml").write_text("concurrency = 'many'\n")
    outcome = flowcraft("doctor", "--json")
    assert outcome.code == 8
    assert found(outcome, "settings")[0][0] == "fail"
    assert found(outcome, "python")[0][0] == "ok"


def test_a_state_file_that_is_none_fails(flowcraft):
    Path("state.db").write_bytes(b"something else " * 99)
    outcome = flowcraft("doctor", "--state", "state.db")
    assert outcome.code == 8
    assert "✗ state" in outcome.out
    assert outcome.err.endswith("1 failed check\n")


def test_a_redis_without_persistence_and_workers_is_told_in_words(flowcraft, redis_url):
    outcome = flowcraft("doctor", "--redis-url", redis_url, "--json")
    assert outcome.code == 0
    assert found(outcome, "durability") == [("warn", "A Redis restart loses all runs. Fine for development.")]
    assert found(outcome, "workers")[0][0] == "warn"
    assert found(outcome, "databases")[0][0] == "ok"
    assert flowcraft("doctor", "--redis-url", redis_url, "--strict").code == 8


def test_workers_of_the_namespace_are_counted(flowcraft, redis_address):
    async def register() -> None:
        link = Link(redis_address)
        fleet = RedisFleet(RedisCoordinationStore(link, namespace="shop"))
        manifest = WorkerManifest("ant/1", "ant", 1, 0.0, ("default",), "types.x", ())
        await fleet.register(manifest, lease_s=60)
        await link.close()

    asyncio.run(register())
    outcome = flowcraft("doctor", "--redis-url", redis_address.url, "--namespace", "shop", "--json")
    assert found(outcome, "workers") == [("ok", "1 process lives (ant), executing 0 nodes now")]
    assert found(flowcraft("doctor", "--redis-url", redis_address.url, "--json"), "workers")[0][0] == "warn"


def test_the_server_of_the_project_is_looked_at(flowcraft, start_redis: Callable[..., EmbeddedRedis]):
    start_redis(Path(".flowcraft/redis").absolute(), persistent=True)
    outcome = flowcraft("doctor", "--json")
    assert outcome.code == 0
    assert "about the last second" in found(outcome, "durability")[0][1]


def test_an_evicting_redis_fails(flowcraft, start_redis: Callable[..., EmbeddedRedis]):
    server = start_redis(settings={"maxmemory-policy": "allkeys-lru"})
    outcome = flowcraft("doctor", "--redis-url", server.address.url)
    assert outcome.code == 8
    assert "✗ eviction" in outcome.out
    assert "→ CONFIG SET maxmemory-policy noeviction" in outcome.out


@pytest.mark.parametrize("how", ["--redis-url", "FLOWCRAFT_REDIS_URL", "REDIS_URL", "flowcraft.toml"])
def test_a_redis_that_is_away_ends_with_9_wherever_it_was_named(flowcraft, monkeypatch, how):
    url = f"redis://127.0.0.1:{free_port()}"
    arguments = ["--redis-url", url] if how == "--redis-url" else []
    if how.endswith("URL"):
        monkeypatch.setenv(how, url)
    if how.endswith("toml"):
        Path(how).write_text(f"redis_url = '{url}'\n")
    outcome = flowcraft("doctor", *arguments)
    assert outcome.code == 9
    assert "✗ redis" in outcome.out
    assert "flowcraft dev" in outcome.out


def test_runs_in_redis_without_a_url_look_at_the_usual_port(flowcraft):
    outcome = flowcraft("doctor", "--backend", "redis", "--json")
    assert any("127.0.0.1:6379" in words for _, words in found(outcome, "redis"))


@pytest.mark.parametrize("password", [PASSWORD, "wrong-one"])
@pytest.mark.parametrize("json", [[], ["--json"], ["--debug"]])
def test_no_password_is_shown(flowcraft, start_redis: Callable[..., EmbeddedRedis], password, json):
    from dataclasses import replace

    server = start_redis(password=PASSWORD)
    url = replace(server.address, password=password).url
    outcome = flowcraft("doctor", "--redis-url", url, *json)
    assert outcome.code == (0 if password == PASSWORD else 9)
    for secret in (password, url.partition("@")[0].rpartition(":")[2]):
        assert secret not in outcome.out + outcome.err


@pytest.mark.parametrize(
    "url", ["http://:s3cr3t@h", "redis://:s3cr3t@h:port", "redis://:s3c#r3t@h", "redis+cluster://:s3cr3t@h"]
)
def test_a_wrong_url_is_a_finding_that_does_not_repeat_it(flowcraft, url):
    outcome = flowcraft("doctor", "--redis-url", url)
    assert outcome.code == 8
    assert "✗ redis" in outcome.out
    assert "s3cr3t" not in outcome.out + outcome.err


def test_queue_and_runs_in_one_database_are_refused(flowcraft, redis_url):
    outcome = flowcraft("doctor", "--redis-url", redis_url, "--broker-url", redis_url)
    assert outcome.code == 8
    assert "the queue needs one of its own" in outcome.out
