"""A fleet of real processes for one row of the fault table: each worker dies where the test wants it."""

from __future__ import annotations

import asyncio
import pickle
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.process import BaseProcess
from pathlib import Path

from flowcraft_engine.kernel.event import Event
from tests.acceptance.fleet_run import FaultyAdapter
from tests.chaos.checker import Checker, Circumstances
from tests.chaos.crew import DEAF, Crew
from tests.chaos.driver import Driver, Run
from tests.chaos.ledger import Effect, read_effects
from tests.chaos.tally import Tally
from tests.chaos.worker import NAMESPACE, Orders
from tests.chaos.workload import Load, load_of
from tests.reference.behaviours import Add, Behaviour, Echo, Ret, Slow
from tests.reference.case import Case


def diamond(first_ms: float = 0) -> Case:
    """A, which takes a while, then B and C, then D, which waits for both."""
    behaviours: dict[str, Behaviour] = {
        "a": Slow(first_ms, Ret("a")),
        "b": Add("b"),
        "c": Add("c"),
        "d": Echo(),
    }
    nodes = [{"id": name.upper(), "uses": name} for name in behaviours]
    edges = [{"source": pair[0], "target": pair[1]} for pair in ("AB", "AC", "BD", "CD")]
    return Case({"id": "diamond", "nodes": nodes, "edges": edges}, behaviours)


def with_child() -> Case:
    """A diamond as the sub-run of one node."""
    inner = diamond()
    nodes = [
        {"id": "S", "uses": "subflow", "params": {"blueprint_id": "diamond"}},
        {"id": "T", "uses": "sleep", "params": {"duration": 100}},
    ]
    blueprint = {"id": "parent", "nodes": nodes, "edges": [{"source": "S", "target": "T"}]}
    return Case(blueprint, inner.behaviours, children=(inner.blueprint,))


@dataclass
class SmallFleet:
    """Workers, and runs of a few cases, on the server at `url`."""

    url: str
    folder: Path
    loads: list[Load]
    crew: Crew
    tally: Tally = field(default_factory=Tally)
    violations: list[str] = field(default_factory=list)

    def add(self, failpoints: str = "") -> BaseProcess:
        return self.crew.add(failpoints)

    def start(self, *run_ids: str) -> list[Run]:
        """Runs that are stored and published, and that nobody follows yet."""
        runs = [Run(run_id, self.loads[0]) for run_id in run_ids]
        asyncio.run(self._start(runs))
        return runs

    def finish(self, runs: Sequence[Run], *, limit_s: float = 60, quiet: bool = False) -> None:
        """Follow the runs to their end, end the workers, and check everything; `quiet`: nobody has died."""
        asyncio.run(self._finish(runs, limit_s, Circumstances(quiet=quiet)))
        assert self.violations == []
        assert self.crew.exits[DEAF] == 0, "a worker did not end when it was told to"

    def effects(self) -> list[Effect]:
        return read_effects(self.folder / "ledger")

    def events(self, run_id: str) -> list[Event]:
        async def read() -> list[Event]:
            async with FaultyAdapter(self.url, None, namespace=NAMESPACE) as adapter:
                return await adapter.ports.store.events(run_id)

        return asyncio.run(read())

    def wait_until_dead(self, process: BaseProcess, limit_s: float = 60) -> None:
        process.join(limit_s)
        assert process.exitcode == -9, "it did not come to its failpoint"

    def wait_for_log(self, words: str, limit_s: float = 60) -> None:
        deadline = time.monotonic() + limit_s
        while not any(words in log.read_text() for log in (self.folder / "logs").glob("*.log")):
            assert time.monotonic() < deadline, f"nobody has said {words!r}"
            time.sleep(0.02)

    def wait_until_online(self, count: int, limit_s: float = 60) -> None:
        """Return when so many workers have registered."""

        async def online() -> int:
            async with FaultyAdapter(self.url, None, namespace=NAMESPACE) as adapter:
                return sum(member.is_alive for member in await adapter.ports.fleet.members())

        deadline = time.monotonic() + limit_s
        while asyncio.run(online()) < count:
            assert time.monotonic() < deadline, f"there are no {count} workers"
            time.sleep(0.05)

    def wait_for_event(self, run_id: str, kind: str, limit_s: float = 60) -> None:
        deadline = time.monotonic() + limit_s
        while not any(event.type == kind for event in self.events(run_id)):
            assert time.monotonic() < deadline, f"there is no {kind}"
            time.sleep(0.05)

    async def _start(self, runs: Sequence[Run]) -> None:
        async with FaultyAdapter(self.url, None, namespace=NAMESPACE) as adapter:
            driver = Driver(adapter, self.tally)
            for run in runs:
                await driver.start(run)

    async def _finish(self, runs: Sequence[Run], limit_s: float, circumstances: Circumstances) -> None:
        async with FaultyAdapter(self.url, None, namespace=NAMESPACE) as adapter:
            driver = Driver(adapter, self.tally)
            async with asyncio.timeout(limit_s):
                await asyncio.gather(*(driver.drive(run) for run in runs))
            await asyncio.to_thread(self.crew.stop)
            checker = Checker(adapter, driver, self.effects(), self.tally, circumstances)
            await checker.check_runs(runs)
            self.violations += checker.violations


@contextmanager
def small_fleet(url: str, folder: Path, case: Case, *, mutant: str = "") -> Iterator[SmallFleet]:
    """No workers at first; see `SmallFleet.add`."""
    for name in ("ledger", "logs"):
        (folder / name).mkdir(parents=True)
    loads = [load_of(case)]
    (folder / "loads.pickle").write_bytes(pickle.dumps(loads))
    crew = Crew(Orders(0, 1, url, folder, "", with_message_faults=False, mutant=mutant), 0, 1, "")
    try:
        yield SmallFleet(url, folder, loads, crew)
    finally:
        crew.stop()
