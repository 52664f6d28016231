"""Following a run whose server goes away."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from flowcraft_cli.following import follow
from flowcraft_cli.manner import Manner
from flowcraft_cli.watching.watcher import SilentWatcher
from flowcraft_engine.errors import BackendError

pytestmark = pytest.mark.asyncio


async def test_who_gives_up_on_a_server_that_is_away_is_told_the_id_of_the_run() -> None:
    async def begin() -> str:
        return "b66feb30"

    async def away(*_: object) -> Any:
        raise BackendError("Redis is away", hint="is it running?")

    place: Any = SimpleNamespace(show=away, where=" --backend redis")
    news: Any = SimpleNamespace(look=away)
    with pytest.raises(BackendError, match="Redis is away") as raised:
        await follow(place, begin, Manner(timeout_s=0.0), SilentWatcher(), news)
    assert raised.value.hint == "the run goes on; follow it with: flowcraft wait b66feb30 --backend redis"


async def test_who_could_not_even_start_a_run_is_told_what_is_wrong_with_the_server() -> None:
    async def begin() -> str:
        raise BackendError("Redis is away", hint="is it running?")

    unasked: Any = SimpleNamespace()
    with pytest.raises(BackendError) as raised:
        await follow(unasked, begin, Manner(), SilentWatcher(), unasked)
    assert raised.value.hint == "is it running?"
