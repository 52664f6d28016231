"""What a hint adds to a command, so that it finds the run again when it is pasted."""

from __future__ import annotations

import pytest

from flowcraft_cli.whereabouts import where_in_redis
from flowcraft_engine.settings import read_settings

URL = "redis://:secret@127.0.0.1:6379/3"


@pytest.mark.parametrize(
    ("flags", "environment", "expected"),
    [
        ({}, {"FLOWCRAFT_BACKEND": "redis", "FLOWCRAFT_REDIS_URL": URL}, ""),
        ({}, {"FLOWCRAFT_REDIS_URL": URL}, " --backend redis"),
        ({"backend": "redis"}, {}, " --backend redis"),
        ({"redis_url": "redis://127.0.0.1:1/2"}, {}, " --redis-url redis://127.0.0.1:1/2"),
        ({"backend": "redis", "namespace": "shop"}, {}, " --backend redis --namespace shop"),
    ],
)
def test_only_what_the_surroundings_do_not_say_is_added(monkeypatch, tmp_path, flags, environment, expected):
    monkeypatch.chdir(tmp_path)
    for name in ("FLOWCRAFT_BACKEND", "FLOWCRAFT_REDIS_URL", "REDIS_URL"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert where_in_redis(read_settings(flags, environment)) == expected


def test_a_password_is_never_repeated(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("FLOWCRAFT_REDIS_URL", raising=False)
    assert "secret" not in where_in_redis(read_settings({"redis_url": URL, "broker_url": URL + "4"}, {}))
