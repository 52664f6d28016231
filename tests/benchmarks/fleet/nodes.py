"""The nodes that workers of the benchmarks execute. Some note when they ran, on the clock of the machine."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

from flowcraft_engine import NodeContext, NodeRegistry
from tests.benchmarks.shapes import NOTHING

STAMP, NAP, REST, TEXT, HOLD = "stamp", "nap", "rest", "text", "hold"
NAP_S = 0.5
REST_S = 0.1
#: Names the file in which `hold` nodes note that they began.
LEDGER = "FLOWCRAFT_BENCHMARK_LEDGER"
#: Moments of this process, since somebody has asked for them last, each with the processor time it had taken by then.
stamps: list[tuple[float, float]] = []


def note() -> None:
    stamps.append((time.monotonic(), time.process_time()))


async def do_nothing(ctx: NodeContext) -> None:
    return None


async def stamp(ctx: NodeContext) -> None:
    """Note when it begins."""
    note()


async def nap(ctx: NodeContext) -> None:
    """Wait for half a second, and note when that was over."""
    await asyncio.sleep(NAP_S)
    note()


async def rest(ctx: NodeContext) -> None:
    """Note when it begins, and take a tenth of a second."""
    note()
    await asyncio.sleep(REST_S)


async def text(ctx: NodeContext) -> str:
    """Give 1 KB."""
    return "x" * 1024


async def hold(ctx: NodeContext) -> None:
    """The first time it never ends; who executes it, and when it began, is in the ledger."""
    ledger = Path(os.environ[LEDGER])
    is_first = not ledger.exists()
    with ledger.open("a") as file:
        file.write(f"{os.getpid()} {time.monotonic()}\n")
    if is_first:
        await asyncio.Event().wait()


def registry() -> NodeRegistry:
    known = NodeRegistry()
    for name, node in {
        NOTHING: do_nothing, STAMP: stamp, NAP: nap, REST: rest, TEXT: text, HOLD: hold,
    }.items():  # fmt: skip
        known.register(node, name)
    return known
