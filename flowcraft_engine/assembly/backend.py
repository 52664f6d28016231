"""Which of its places a command means: the state file, Redis, or the Redis of `flowcraft dev`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from flowcraft_engine.settings import Settings


def is_distributed(settings: Settings) -> bool:
    """Whether runs are looked for in Redis: `backend` says so, or only --redis-url was given."""
    if "backend" in settings.sources:
        return settings.backend == "redis"
    return settings.sources.get("redis_url") == "--redis-url"


def may_be_with_dev(settings: Settings) -> bool:
    """Whether a run may be in the Redis of `flowcraft dev`: it was used here, and no place of runs was named."""
    is_named = any(name in settings.sources for name in ("backend", "redis_url", "state"))
    return not is_named and embedded_data(settings).exists()


def settings_of_dev(settings: Settings) -> Settings | None:
    """The same in the Redis that `flowcraft dev` runs for this project, if somebody may mean it who has named nothing.

    None if a place of runs, or another Redis, was named, or no such server runs.
    """
    if not may_be_with_dev(settings):  # nothing of Redis is imported where there was none
        return None
    from flowcraft_engine.backends.redis.server_lock import running_server

    if running_server(embedded_data(settings)) is None:
        return None
    return replace(settings, backend="redis", sources={**settings.sources, "backend": "flowcraft dev"})


def embedded_data(settings: Settings) -> Path:
    """The data of the server that `flowcraft dev` runs for this project."""
    return settings.project_state / "redis"
