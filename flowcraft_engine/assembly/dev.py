"""The server that `flowcraft dev` runs for a project."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from flowcraft_engine.assembly.backend import embedded_data
from flowcraft_engine.assembly.state_file import prepare_folder
from flowcraft_engine.frozen import frozen
from flowcraft_engine.settings import Settings


@frozen
class DevRedis:
    """The server of a project: `settings` has everything on it. `is_attached`: somebody else will end it."""

    settings: Settings
    data: Path
    is_attached: bool


@contextlib.contextmanager
def dev_redis(settings: Settings, say: Callable[[str], None]) -> Iterator[DevRedis]:
    """The server of this project, which other commands find by themselves; started, unless it runs already.

    Its data outlives it, and if it dies it is started again, which is said. Raises `BackendError` if there is no
    program, or it does not start.
    """
    import secrets

    from flowcraft_engine.backends.redis.embedded import EmbeddedRedis
    from flowcraft_engine.backends.redis.server_keeper import ServerKeeper

    data = embedded_data(settings)
    prepare_folder(data)
    password = secrets.token_urlsafe(24)
    with EmbeddedRedis.start(data, persistent=True, password=password) as server, ServerKeeper(server, say):
        on_it = replace(settings, backend="redis", redis_url=server.address.url, broker_url=None)
        yield DevRedis(on_it, data, server.is_attached)
