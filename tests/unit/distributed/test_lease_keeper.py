"""The lease thread goes on whatever happens to one beat, and knows for how long the server has answered."""

from __future__ import annotations

import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from flowcraft_engine.distributed.lease_keeper import LeaseKeeper
from flowcraft_engine.errors import BackendError
from flowcraft_engine.stores.fleet import Renewal

pytestmark = pytest.mark.asyncio


class Server:
    """Answers what it was told, then KEPT."""

    def __init__(self, *answers: Renewal | Exception) -> None:
        self.answers = list(answers)
        self.beats = 0
        self.may_answer = threading.Event()
        self.may_answer.set()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Server]:
        yield self

    async def renew(self, owner: str, lease_s: float) -> Renewal:
        self.beats += 1
        self.may_answer.wait(30)
        answer = self.answers.pop(0) if self.answers else Renewal.KEPT
        if isinstance(answer, Exception):
            raise answer
        return answer


def keeper(server: Server, told: list[str], lease_s: float = 0.06) -> LeaseKeeper:
    return LeaseKeeper(
        "me",
        lease_s,
        server.open,
        on_lost=lambda: told.append("lost"),
        on_forgotten=lambda: told.append("forgotten"),
    )


def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.parametrize("error", [BackendError("away"), RuntimeError("can't start new thread")])
async def test_a_beat_that_fails_is_not_the_last_and_the_worker_registers_again(error: Exception) -> None:
    server, told = Server(Renewal.KEPT, error), list[str]()
    kept = keeper(server, told)
    kept.start()
    until(lambda: server.beats >= 4)
    await kept.stop()
    assert "forgotten" in told
    assert kept.heard_s < 60


async def test_one_that_was_declared_dead_says_so_and_beats_no_more() -> None:
    server, told = Server(Renewal.KEPT, Renewal.DEAD), list[str]()
    kept = keeper(server, told)
    kept.start()
    until(lambda: "lost" in told)
    await kept.stop()
    assert server.beats == 2


async def test_a_server_that_has_never_answered_is_not_heard() -> None:
    server = Server()
    server.may_answer.clear()
    kept = keeper(server, [])
    kept.start()
    try:
        until(lambda: kept.heard_s == 0)
    finally:
        server.may_answer.set()
        await kept.stop()


async def test_while_the_server_is_silent_it_is_not_heard() -> None:
    server, told = Server(), list[str]()
    kept = keeper(server, told)
    assert kept.heard_s > 10**9
    kept.start()
    until(lambda: server.beats > 0)
    server.may_answer.clear()
    until(lambda: kept.heard_s == 0.0)
    told.clear()
    server.may_answer.set()
    until(lambda: "forgotten" in told)  # its lease may have been over meanwhile
    assert kept.heard_s < 10
    await kept.stop()
