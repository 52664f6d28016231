"""`flowcraft prune` of many runs: several at a time, and seen on a terminal."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from flowcraft_cli import colour
from flowcraft_cli.commands.prune import _forget
from flowcraft_engine import ConflictError
from flowcraft_engine.stores.coordination_store import RunSummary
from tests.unit.cli.conftest import write


class SlowStore:
    """Forgets nothing before it was asked to forget ten runs. Every seventh has begun again."""

    def __init__(self) -> None:
        self._asked = 0
        self._are_ten = asyncio.Event()

    async def retire(self, run_id: str) -> None:
        self._asked += 1
        if self._asked == 10:
            self._are_ten.set()
        await self._are_ten.wait()
        if int(run_id) % 7 == 0:
            raise ConflictError("it goes on")


def test_many_runs_are_forgotten_at_a_time() -> None:
    runs = [RunSummary(str(number), "f", None, "completed", 0.0, 1.0, None) for number in range(250)]
    said: list[str] = []

    async def forget() -> list[RunSummary]:
        store: Any = SlowStore()
        async with asyncio.timeout(30):
            return await _forget(store, runs, said.append)

    forgotten = [int(run.run_id) for run in asyncio.run(forget())]
    assert forgotten == [number for number in range(250) if number % 7]
    assert said == [f"{count} of 250 runs forgotten" for count in (85, 171, 214)]


@pytest.mark.parametrize("in_terminal", [True, False])
def test_how_far_it_is_can_be_seen_on_a_terminal(flowcraft, monkeypatch, in_terminal: bool) -> None:
    write("flow.yaml", "nodes: [{id: a, uses: noop}]\n")
    for _ in range(2):
        flowcraft("run", "flow.yaml", "-q")
    monkeypatch.setattr(colour, "is_terminal", lambda _: in_terminal)
    said = flowcraft("prune", "--older-than", "0s").err
    assert ("\r\x1b[K2 of 2 runs forgotten\r\x1b[K" in said) == in_terminal
    assert said.endswith("2 runs forgotten\n")
    assert ("\x1b" in said) == in_terminal
