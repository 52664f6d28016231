"""A worker as a process of its own, told what to do on its standard input, a word a line; it ends with the input.

go        take jobs                          stamps    print the moments that nodes have noted since the last time
sweeps    print µs of one sweep, of many     profile   print what took the time of the event loop since `go`
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import io
import json
import logging
import pstats
import sys
import time

from flowcraft_cli.working.process import spare_the_collector
from flowcraft_engine.backends.dramatiq.adapter import DramatiqRedisAdapter
from flowcraft_engine.distributed.adapter import DEFAULT_CONCURRENCY, DEFAULT_LEASE_S, WorkerOptions
from tests.benchmarks.fleet.nodes import registry, stamps

READY = "ready"
_SWEEPS = 100
_ROWS = 25


async def work(given: argparse.Namespace) -> None:
    spare_the_collector()  # as `flowcraft worker` does
    options = WorkerOptions(concurrency=given.concurrency, lease_s=given.lease)
    adapter = DramatiqRedisAdapter(given.url, registry=registry(), is_worker=True, options=options)
    profile = cProfile.Profile()
    async with adapter:
        print(READY, flush=True)
        while line := await asyncio.to_thread(sys.stdin.readline):
            match line.strip():
                case "go":
                    if given.profile:
                        profile.enable()
                    await adapter.start()
                    print(READY, flush=True)
                case "stamps":
                    print(json.dumps(stamps), flush=True)
                    stamps.clear()
                case "sweeps":
                    print(await _sweep(adapter), flush=True)
                case "profile":
                    profile.disable()
                    print(json.dumps(_rows(profile)), flush=True)


async def _sweep(adapter: DramatiqRedisAdapter) -> float:
    """The sweeper is nobody's to call but here: its cost drowns in the second that it rests."""
    assert adapter._work is not None
    sweeper = adapter._work._sweeper
    begin = time.perf_counter()
    for _ in range(_SWEEPS):
        await sweeper.sweep()
    return (time.perf_counter() - begin) / _SWEEPS * 1e6


def _rows(profile: cProfile.Profile) -> str:
    text = io.StringIO()
    pstats.Stats(profile, stream=text).sort_stats("tottime").print_stats(_ROWS)
    return text.getvalue()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("--concurrency", type=int, default=DEFAULT_CONCURRENCY)
    parser.add_argument("--lease", type=float, default=DEFAULT_LEASE_S)
    parser.add_argument("--profile", action="store_true")
    return parser


if __name__ == "__main__":
    # Outages and deaths are on purpose here.
    logging.basicConfig(level=logging.CRITICAL)
    asyncio.run(work(_parser().parse_args()))
