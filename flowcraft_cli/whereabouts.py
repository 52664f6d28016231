"""What has to be added to a command so that it finds a run again."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowcraft_engine.settings import Settings


def where_kept(settings: Settings) -> str | None:
    """For a run in a state file; None if it is kept in memory only."""
    if settings.state is None:
        return None
    if _without_flags().state == settings.state:
        return ""
    path = settings.state
    cwd = os.getcwd()  # noqa: PTH109  # compared as text
    shown = os.path.relpath(path) if str(path).startswith(cwd + os.sep) else str(path)
    return f" --state {shown}"


def where_in_redis(settings: Settings) -> str:
    """For a run in Redis. A password is masked, so it has to be typed again."""
    from flowcraft_engine.assembly.backend import is_distributed
    from flowcraft_engine.assembly.servers import masked_url

    plain = _without_flags()
    parts = []
    if settings.redis_url is not None and settings.redis_url != plain.redis_url:
        parts.append(f" --redis-url {masked_url(settings.redis_url)}")
    elif not is_distributed(plain):
        parts.append(" --backend redis")
    if settings.broker_url is not None and settings.broker_url != plain.broker_url:
        parts.append(f" --broker-url {masked_url(settings.broker_url)}")
    if settings.namespace != plain.namespace:
        parts.append(f" --namespace {settings.namespace}")
    if settings.insecure and not plain.insecure:
        parts.append(" --insecure")
    return "".join(parts)


def _without_flags() -> Settings:
    """What a command in this folder would use that is given no options."""
    from flowcraft_engine.settings import read_settings

    return read_settings({}, {**os.environ, "FLOWCRAFT_APP": ""})
