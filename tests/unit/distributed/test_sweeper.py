"""When a sweeper looks again, whatever it is answered."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any

import pytest

from flowcraft_engine.clock import Clock, ManualClock, SystemClock
from flowcraft_engine.distributed.sweeper import Sweeper
from flowcraft_engine.errors import BackendError
from flowcraft_engine.stores.fleet import DueErrands, Errand

pytestmark = pytest.mark.asyncio


class _Refusing:
    """A fleet whose server answers at once, and only that we may not ask."""

    async def take_due(self) -> Any:
        raise BackendError("asks for a password")


def sweeper_of(fleet: Any, *, period_s: float = 600.0, clock: Clock | None = None) -> Sweeper:
    anything: Any = SimpleNamespace(errands=None, observer=None)
    return Sweeper(
        store=anything,
        fleet=fleet,
        queue=anything,
        publisher=anything,
        worker=anything,
        clock=clock or SystemClock(),
        owner=lambda: "w1",
        queues=list,
        heard_s=lambda: 0.0,
        lease_s=15.0,
        period_s=period_s,
        retention_s=None,
    )


async def test_a_timer_that_is_set_while_the_index_is_asked_is_not_forgotten_for_its_answer() -> None:
    clock = ManualClock()
    soon, later = clock.now() + 1, clock.now() + 500

    class Answering:
        async def take_due(self) -> DueErrands:
            sweeper.look_at(soon)  # by a node of this process, whose commit comes right behind
            return DueErrands([], later)

    sweeper = sweeper_of(Answering(), clock=clock)
    sweeper.look_at(clock.now())
    await sweeper.fire_due()
    assert sweeper._next_due == soon


async def test_a_server_that_refuses_everything_is_asked_once_a_period_and_not_all_the_time(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    period_s, rests = 600.0, list[float]()
    sweeper = sweeper_of(_Refusing(), period_s=period_s)

    async def rest(until_sweep_s: float) -> None:
        rests.append(until_sweep_s)
        sweeper.stop()

    monkeypatch.setattr(sweeper, "_rest", rest)
    with caplog.at_level(logging.WARNING, "flowcraft.worker"):
        await sweeper.run()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert rests[0] > period_s / 2


async def test_an_errand_that_fails_for_good_is_tried_less_and_less(caplog: pytest.LogCaptureFixture) -> None:
    pauses = list[float]()
    errands = [Errand("wake", "run", name, "1.5") for name in "AB"]

    class Broken:
        settled = 0

        async def put_off(self, group: list[Errand], pause_s: float) -> None:
            assert group == errands
            pauses.append(pause_s)

        async def settle(self, group: list[Errand]) -> None:
            self.settled += 1

        async def do(self, *_: Any) -> None:
            if len(pauses) < 8:
                raise ValueError("a journal that cannot be read")

        def swept(self, *_: Any) -> None: ...

    broken: Any = Broken()
    sweeper = sweeper_of(broken)
    sweeper._errands = sweeper._observer = broken
    for _ in range(8):
        await sweeper._do(errands)
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]
    assert "next try in 60 s" in caplog.text
    await sweeper._do(errands)
    assert broken.settled == 1
    assert not sweeper._failures
