"""How long a node waits whose worker was killed, whose message was lost, or whose server was restarted."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Callable
from os import kill
from pathlib import Path
from tempfile import TemporaryDirectory

from flowcraft_engine.backends.dramatiq.layout import DEFAULT_QUEUE, Layout
from flowcraft_engine.backends.redis.connection import connect_blocking
from tests.benchmarks.effort import Effort
from tests.benchmarks.figure import Figure
from tests.benchmarks.fleet.bench import Bench, bench, wait_until
from tests.benchmarks.fleet.latency import line, stamps_of
from tests.benchmarks.fleet.nodes import HOLD, LEDGER, REST, STAMP
from tests.benchmarks.fleet.workers import workers
from tests.benchmarks.rounds import rounds
from tests.benchmarks.shapes import fan

_LAYOUT = Layout()
_SHORT_LEASE_S = 2.0
#: A storm would publish everything again after 4.5 s.
_STORM_S = 12.0
_JOBS_A_RUN = 1_000
_RESTS = 400
_PATIENCE_S = 60.0


def measure_recovery(server: Bench, effort: Effort) -> list[Figure]:
    chance = random.Random(17)
    return [
        *_worst("SIGKILL during a node, default lease", effort.kills, 20.0, lambda: _kill_s(server, chance)),
        *_worst(
            f"SIGKILL during a node, lease of {_SHORT_LEASE_S:g} s", max(1, effort.kills), 4.0,
            lambda: _kill_s(server, chance, "--lease", str(_SHORT_LEASE_S)),
        ),
        *_worst("message deleted from an idle queue", max(1, effort.kills), 6.0, lambda: _lost_s(server)),
        *_worst("Redis killed and restarted, until nodes begin", max(1, effort.kills), 5.0, _restart_s),
        Figure(
            "fleet", f"{effort.fleet_jobs:,} ready jobs for {_STORM_S:g} s, published again", "jobs",
            (_repeats(server, effort.fleet_jobs),), at_most=effort.fleet_jobs / 1_000,
        ),
    ]  # fmt: skip


def _worst(name: str, count: int, at_most: float, measure: Callable[[], float]) -> list[Figure]:
    """The slowest one is held to the target; the others are there to be read."""
    taken = tuple(measure() for _ in rounds(count))
    if not taken:
        return []
    return [
        Figure("fleet", f"{name}, worst of {count}", "s", (max(taken),), at_most=at_most),
        Figure("fleet", name, "s", taken),
    ]


def _kill_s(server: Bench, chance: random.Random, *options: str) -> float:
    """From the death of the worker until another one executes its node."""
    server.empty()
    with TemporaryDirectory() as folder:
        ledger = Path(folder) / "ledger"
        with workers(2, server.url, *options, variables={LEDGER: str(ledger)}, go=True):
            server.start(line([HOLD]))
            wait_until(lambda: len(_entries(ledger)) == 1)
            # At no particular moment between two signs of life.
            time.sleep(chance.uniform(0.1, 2.0))
            killed_at = time.monotonic()
            kill(int(_entries(ledger)[0][0]), signal.SIGKILL)
            wait_until(lambda: len(_entries(ledger)) == 2)
        return _entries(ledger)[1][1] - killed_at


def _entries(ledger: Path) -> list[tuple[int, float]]:
    text = ledger.read_text() if ledger.exists() else ""
    lines = text.splitlines() if text.endswith("\n") else []
    return [(int(pid), float(moment)) for pid, moment in map(str.split, lines)]


def _lost_s(server: Bench) -> float:
    """From the sending of a message, which is deleted before anybody takes it, until its node begins."""
    server.empty()
    with workers(1, server.url) as (worker,):
        sent_at = server.start_after(line([STAMP]), 0.0)
        with connect_blocking(server.broker) as client:
            client.flushdb()
        (begun,) = stamps_of(worker, worker.go, 1)
    return begun - sent_at


def _restart_s() -> float:
    """From the moment at which a server that was killed answers again until a worker begins a node."""
    with bench(persistent=True) as own, workers(1, own.url, go=True) as (worker,):
        stamps_of(worker, lambda: own.start(line([REST] * _RESTS)), 3)
        own.server.kill()
        time.sleep(1.0)
        own.server.restart()
        back_at = time.monotonic()
        after: list[float] = []

        def has_gone_on() -> bool:
            after.extend(moment for moment in worker.stamps() if moment > back_at)
            return bool(after)

        wait_until(has_gone_on, _PATIENCE_S)
    return after[0] - back_at


def _repeats(server: Bench, jobs: int) -> float:
    """Messages that were sent again while a slow worker had far too many before it."""
    server.empty()
    width = min(jobs, _JOBS_A_RUN)
    blueprint = fan(width)
    nodes = tuple(node.model_copy(update={"uses": REST}) for node in blueprint.nodes[1:-1])
    server.start(blueprint.model_copy(update={"nodes": nodes, "edges": ()}), jobs // width)
    with workers(1, server.url) as (worker,):
        worker.go()
        time.sleep(min(_STORM_S, jobs / 10))
        with connect_blocking(server.broker) as client:
            waiting = int(client.llen(_LAYOUT.ids(DEFAULT_QUEUE)))
        taken = len(worker.stamps())
    # Those that were taken after the look at the queue, or fetched and not yet begun, are no repeats.
    return float(max(0, waiting + taken - jobs))
