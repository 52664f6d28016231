"""One storm: a server, a crew, runs, faults; then quiet, and the check."""

from __future__ import annotations

import asyncio
import contextlib
import pickle
import random
import signal
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flowcraft_engine import NotFoundError
from flowcraft_engine.backends.redis.embedded import EmbeddedRedis
from tests.acceptance.fleet_run import FaultyAdapter
from tests.chaos.checker import Checker, Circumstances, unburied
from tests.chaos.crew import Crew
from tests.chaos.driver import Driver, Run, command_at_random
from tests.chaos.faults import Faults
from tests.chaos.ledger import read_effects, read_tallies
from tests.chaos.tally import Tally
from tests.chaos.worker import LEASE_S, NAMESPACE, SWEEP_S, Orders
from tests.chaos.workload import Load
from tests.faults.tcp_proxy import TcpProxy
from tests.redis_server import usual_binary

#: When the faults are over: what has not moved for so long is stuck. A slow machine only takes longer to come to rest.
QUIET_S = 30 + LEASE_S + 3 * SWEEP_S
#: Whatever moves for so long never comes to rest.
_LONGEST_QUIET_S = 6 * QUIET_S
_CLIENT_DEATHS = ("start.pre", "start.sent", "start.done", "publish.pre", "publish.mid", "publish.done")


@dataclass(frozen=True)
class Weather:
    """How hard a storm is. `fsync` is what the server promises; a tail is cut from its log where `cuts_tails`."""

    seconds: float
    workers: int = 3
    #: Runs that go on at the same time.
    together: int = 96
    pause_s: float = 0.15
    failpoints: str = "*=kill%0.0008"
    fsync: str = "always"
    cuts_tails: bool = False
    quiet: bool = False
    mutant: str = ""
    most_runs: int = 1_000_000


@dataclass
class Outcome:
    tally: Tally
    violations: list[str]
    quiet_after_s: float
    failpoints: Counter[str]


@dataclass
class Storm:
    """`run` once."""

    folder: Path
    seed: int
    loads: list[Load]
    weather: Weather
    runs: list[Run] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)
    violations: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)
        for name in ("ledger", "logs"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        (self.folder / "loads.pickle").write_bytes(pickle.dumps(self.loads))

    def run(self) -> Outcome:
        weather = self.weather
        server = EmbeddedRedis.start(
            self.folder / "redis",
            persistent=True,
            binary=usual_binary(),
            settings={"appendfsync": weather.fsync},
        )
        try:
            with TcpProxy(("127.0.0.1", server.address.port)) as proxy:
                return self._run(server, proxy)
        finally:
            server.stop()

    def _run(self, server: EmbeddedRedis, proxy: TcpProxy) -> Outcome:
        weather = self.weather
        url = f"redis://127.0.0.1:{proxy.port}/0"
        orders = Orders(0, self.seed, url, self.folder, "", not weather.quiet, mutant=weather.mutant)
        crew = Crew(orders, weather.workers, self.seed, "" if weather.quiet else weather.failpoints)
        faults = Faults(
            server,
            proxy,
            crew,
            self.tally,
            seed=self.seed,
            jobs=self._jobs,
            cuts_tails=weather.cuts_tails,
        )
        thread = threading.Thread(target=faults.run, args=(weather.pause_s,), name="faults")
        crew.keep_full()
        try:
            asyncio.run(self._weather(url, crew, thread))
            faults.stop()
            if not weather.quiet:
                thread.join()
            proxy.heal()
            return asyncio.run(self._quiet(server, crew, faults))
        finally:
            faults.stop()
            crew.stop()

    # ---- while it lasts ------------------------------------------------------------------------------------

    async def _weather(self, url: str, crew: Crew, faults: threading.Thread) -> None:
        async with FaultyAdapter(url, None, namespace=NAMESPACE) as adapter:
            if not self.weather.quiet:
                faults.start()
            driver = Driver(adapter, self.tally)
            drivers = [self._keep_starting(driver) for _ in range(self.weather.together)]
            others = [] if self.weather.quiet else [self._command(driver), self._kill_clients(crew)]
            tasks = [asyncio.create_task(it) for it in (*drivers, *others)]
            await asyncio.wait(tasks[: len(drivers)], timeout=self.weather.seconds)
            for task in tasks:
                task.cancel()
            ended, deaf = await asyncio.wait(tasks, timeout=10)
            for task in deaf:
                task.print_stack()
                self.violations.append(f"a client does not end when it is cancelled: {task.get_coro()}")
        for task in ended:
            if not task.cancelled() and (error := task.exception()) is not None:
                raise error

    async def _keep_starting(self, driver: Driver) -> None:
        while len(self.runs) < self.weather.most_runs:
            run = self._new_run("r")
            self.runs.append(run)
            await driver.drive(run)

    async def _command(self, driver: Driver) -> None:
        while not self.runs:
            await asyncio.sleep(0.1)
        await command_at_random(driver, self.runs, self._random, self.weather.pause_s)

    async def _kill_clients(self, crew: Crew) -> None:
        """Clients that die while they start runs; others start the same runs again."""
        while True:
            await asyncio.sleep(self._random.uniform(1, 3))
            begun = [self._new_run("k") for _ in range(4)]
            where = self._random.choice(_CLIENT_DEATHS)
            starts = tuple((run.id, run.load.number) for run in begun)
            self.tally["client killed"] += 1
            await asyncio.to_thread(crew.start_runs, starts, f"{where}=kill@{self._random.randint(1, 4)}")
            self.runs += begun

    def _new_run(self, kind: str) -> Run:
        self.tally["ids"] += 1
        return Run(f"{kind}{self.tally['ids']}", self._random.choice(self.loads))

    def _jobs(self) -> list[tuple[str, str]]:
        recent = self.runs[-60:]
        return [(run.id, node["id"]) for run in recent for node in run.load.case.blueprint["nodes"]]

    # ---- afterwards ----------------------------------------------------------------------------------------

    async def _quiet(self, server: EmbeddedRedis, crew: Crew, faults: Faults) -> Outcome:
        began = time.monotonic()
        if not self.weather.quiet:
            await asyncio.to_thread(crew.calm)
        async with FaultyAdapter(server.address.url, None, namespace=NAMESPACE) as adapter:
            driver = Driver(adapter, self.tally)
            await self._rest(adapter, driver)
            quiet_after_s = time.monotonic() - began
            await asyncio.to_thread(crew.stop)
            checker = self._checker(adapter, driver, faults)
            await checker.check(self.runs)
        self.tally["killed"] += crew.killed
        at_failpoints = crew.failpoints_hit()
        self.tally["killed at failpoints"] += at_failpoints.total()
        for code, count in crew.exits.items():
            if code not in (0, -signal.SIGTERM):  # a signal may come before anybody listens
                checker.violations.append(f"{count} processes ended with {code}")
        self.tally.update(read_tallies(self.folder / "ledger"))
        return Outcome(self.tally, [*self.violations, *checker.violations], quiet_after_s, at_failpoints)

    async def _rest(self, adapter: FaultyAdapter, driver: Driver) -> None:
        """Return when everything is at rest, or what is not will never be."""
        rest = asyncio.create_task(self._come_to_rest(adapter, driver))
        began = moved = time.monotonic()
        steps = 0
        while not rest.done() and moved + QUIET_S > (now := time.monotonic()) < began + _LONGEST_QUIET_S:
            await asyncio.wait([rest], timeout=2)
            before, steps = steps, await self._steps(adapter)
            moved = now if steps != before else moved
        rest.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await rest

    async def _come_to_rest(self, adapter: FaultyAdapter, driver: Driver) -> None:
        await asyncio.gather(*(driver.drive(run) for run in self.runs))
        await self._no_dead(adapter)

    async def _steps(self, adapter: FaultyAdapter) -> int:
        """How often runs that are not over, or their sub-runs, have moved."""
        store: Any = adapter.ports.store
        names: list[str] = []
        for run in self.runs:
            if not run.is_over:
                with contextlib.suppress(NotFoundError):  # its start was undone, and comes again
                    names += await store.tree(run.id)
        return sum(await store.link.calls([("XLEN", store.keys.run(name).events) for name in names]))

    def _checker(self, adapter: FaultyAdapter, driver: Driver, faults: Faults) -> Checker:
        circumstances = Circumstances(
            undone=self.tally["tail cut"] > 0,
            queue_lost=self.tally["queue flushed at all"] > 0 or self.tally["redis killed"] > 0,
            quiet=self.weather.quiet,
            poison=faults.poison,
            certain_poison=faults.certain_poison,
        )
        return Checker(adapter, driver, read_effects(self.folder / "ledger"), self.tally, circumstances)

    async def _no_dead(self, adapter: FaultyAdapter) -> None:
        """Until everything that the dead have left was taken back."""
        link = adapter.ports.store.link  # type: ignore[attr-defined]  # the Redis store's own
        alive = self.weather.workers
        while await link.call("ZCARD", f"{NAMESPACE}:workers") > alive or await unburied(adapter):
            await asyncio.sleep(0.1)
