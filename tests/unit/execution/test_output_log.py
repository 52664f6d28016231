"""What nodes say is written, whatever becomes of single writings."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from flowcraft_engine import BackendError
from flowcraft_engine.clock import ManualClock
from flowcraft_engine.execution import output_log
from flowcraft_engine.execution.output_log import OutputLog
from flowcraft_engine.values.masking import Masker

pytestmark = pytest.mark.asyncio


async def test_a_writing_that_fails_is_not_the_last_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(output_log, "_PERIOD_S", 0.0)
    written = list[str]()
    tries = list[int]()

    async def glance(_run_id: str) -> Any:
        return None, SimpleNamespace(generation=1)

    async def write_logs(parts: Any) -> None:
        tries.append(len(parts))
        if len(tries) == 1:
            raise BackendError("not now")
        written.extend(line.text for part in parts for line in part.lines)

    runs: Any = SimpleNamespace(glance=glance, write_logs=write_logs)
    log = OutputLog(runs, runs, ManualClock(), Masker())
    log.start()
    speaker: Any = SimpleNamespace(run_id="run", instance="A", attempt=1, page=None)
    log.note(speaker, "stdout", "one\nand half a ")
    while not tries:
        await asyncio.sleep(0)
    log.note(speaker, "stdout", "line\n")
    for _ in range(100):
        await asyncio.sleep(0)
    assert written == ["and half a line"]
    await log.stop()


async def test_what_a_thread_says_between_two_engines_keeps_nothing_from_being_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(output_log, "_PERIOD_S", 0.0)
    written = list[str]()

    async def glance(_run_id: str) -> Any:
        return None, SimpleNamespace(generation=1)

    async def write_logs(parts: Any) -> None:
        written.extend(line.text for part in parts for line in part.lines)

    runs: Any = SimpleNamespace(glance=glance, write_logs=write_logs)
    log = OutputLog(runs, runs, ManualClock(), Masker())
    speaker: Any = SimpleNamespace(run_id="run", instance="A", attempt=1, page=None)
    log.start()
    await log.stop()
    log.note(speaker, "stdout", "late\n")
    log.start()
    log.note(speaker, "stdout", "news\n")
    async with asyncio.timeout(10):
        while not written:
            await asyncio.sleep(0)
    assert written == ["late", "news"]
    await log.stop()
