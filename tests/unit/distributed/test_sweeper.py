"""A sweeper that cannot reach what it needs."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any

import pytest

from flowcraft_engine.clock import SystemClock
from flowcraft_engine.distributed.sweeper import Sweeper
from flowcraft_engine.errors import BackendError

pytestmark = pytest.mark.asyncio


class _Refusing:
    """A fleet whose server answers at once, and only that we may not ask."""

    async def take_due(self) -> Any:
        raise BackendError("asks for a password")


async def test_a_server_that_refuses_everything_is_asked_once_a_period_and_not_all_the_time(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    period_s, rests = 600.0, list[float]()
    anything: Any = SimpleNamespace(errands=None, observer=None)
    sweeper = Sweeper(
        store=anything,
        fleet=_Refusing(),  # type: ignore[arg-type]  # nothing else is asked for
        queue=anything,
        publisher=anything,
        worker=anything,
        clock=SystemClock(),
        owner=lambda: "w1",
        queues=list,
        heard_s=lambda: 0.0,
        lease_s=15.0,
        period_s=period_s,
        retention_s=None,
    )

    async def rest(until_sweep_s: float) -> None:
        rests.append(until_sweep_s)
        sweeper.stop()

    monkeypatch.setattr(sweeper, "_rest", rest)
    with caplog.at_level(logging.WARNING, "flowcraft.worker"):
        await sweeper.run()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert rests[0] > period_s / 2
