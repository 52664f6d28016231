"""Which Redis a command uses, and which it refuses."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from flowcraft_engine.assembly.servers import examine_redis_patiently, is_redis_configured, redis_addresses
from flowcraft_engine.backends.redis.embedded import EmbeddedRedis
from flowcraft_engine.errors import UsageError
from flowcraft_engine.settings import Settings, read_settings


def settings(root: Path, **flags: object) -> Settings:
    return read_settings(flags, {}, cwd=root)


def test_without_anything_it_is_the_usual_port_of_this_machine(tmp_path: Path) -> None:
    state, broker = redis_addresses(settings(tmp_path))
    assert (state.url, broker.url) == ("redis://127.0.0.1:6379/0", "redis://127.0.0.1:6379/1")
    assert not is_redis_configured(settings(tmp_path))


def test_the_server_that_runs_for_the_project_is_found_from_any_folder_below(
    tmp_path: Path, start_redis: Callable[..., EmbeddedRedis]
) -> None:
    (tmp_path / "flowcraft.toml").write_text("")
    (tmp_path / "deep").mkdir()
    server = start_redis(tmp_path / ".flowcraft" / "redis")
    assert redis_addresses(settings(tmp_path / "deep"))[0] == server.address
    assert is_redis_configured(settings(tmp_path / "deep"))
    server.stop()
    assert redis_addresses(settings(tmp_path / "deep"))[0].port == 6379


def test_a_named_server_comes_before_the_one_of_the_project(
    tmp_path: Path, start_redis: Callable[..., EmbeddedRedis]
) -> None:
    start_redis(tmp_path / ".flowcraft" / "redis")
    named = settings(tmp_path, redis_url="redis://localhost:1/4", broker_url="redis://localhost:2/4")
    assert [it.url for it in redis_addresses(named)] == ["redis://localhost:1/4", "redis://localhost:2/4"]
    assert is_redis_configured(named)


def test_runs_in_redis_are_a_wish_for_redis(tmp_path: Path) -> None:
    assert is_redis_configured(settings(tmp_path, backend="redis"))


@pytest.mark.parametrize("name", ["redis_url", "broker_url"])
def test_a_server_on_the_network_needs_a_password_or_tls_or_consent(tmp_path: Path, name: str) -> None:
    unsafe = {name: "redis://redis.example:6379/3"}
    with pytest.raises(UsageError, match="neither a password nor TLS") as caught:
        redis_addresses(settings(tmp_path, **unsafe))
    assert caught.value.hint is not None
    assert "--insecure" in caught.value.hint
    redis_addresses(settings(tmp_path, **unsafe, insecure=True))
    redis_addresses(settings(tmp_path, **{name: "redis://:secret@redis.example/3"}))
    redis_addresses(settings(tmp_path, **{name: "rediss://redis.example/3"}))


def test_a_wrong_url_is_named_by_its_place_and_not_repeated(tmp_path: Path) -> None:
    wrong = read_settings({}, {"REDIS_URL": "http://:s3cr3t@h"}, cwd=tmp_path)
    with pytest.raises(UsageError, match=r"^REDIS_URL ") as caught:
        redis_addresses(wrong)
    assert "s3cr3t" not in f"{caught.value} {caught.value.hint}"


@pytest.mark.asyncio
async def test_nobody_waits_for_a_server_that_would_be_refused(tmp_path: Path) -> None:
    unsafe = settings(tmp_path, redis_url="redis://192.0.2.2:6379/0")
    with pytest.raises(UsageError, match="neither a password nor TLS"):
        await asyncio.wait_for(examine_redis_patiently(unsafe, lambda _why: None), 30)
