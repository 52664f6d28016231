"""Starts the runs of a storm, answers them and follows them to their end, however often a client is cut off."""

from __future__ import annotations

import asyncio
import contextlib
import random
from dataclasses import dataclass, field

from flowcraft_engine import BackendError, ConflictError, NotFoundError, parse_blueprint
from flowcraft_engine.distributed.client import FleetClient
from flowcraft_engine.execution.standing import is_quiet
from flowcraft_engine.execution.waits import open_waits
from flowcraft_engine.kernel import event as ev
from flowcraft_engine.kernel import state as st
from flowcraft_engine.stores.coordination_store import CoordinationStore
from tests.acceptance.fleet_run import FaultyAdapter
from tests.chaos.tally import Tally
from tests.chaos.worker import client_for
from tests.chaos.workload import Load
from tests.reference.case import Answer, node_of

_LOOK_S = 1.0
_CRASH_LOOP = "crash_loop"


async def has_crash_loop(store: CoordinationStore, run_id: str) -> bool:
    """Whether a node of the run or its sub-runs was given up, also one that a fallback has rescued."""
    for name in await store.tree(run_id):
        _, state = await store.glance(name)
        if any((it.error or {}).get("code") == _CRASH_LOOP for it in state.instances.values()):
            return True
    return False


@dataclass
class Run:
    """One run of a load, and what its clients were told: the log of acknowledgements."""

    id: str
    load: Load
    is_started: bool = False
    is_over: bool = False
    #: A cancel was sent; it was acknowledged.
    cancel_sent: bool = False
    cancelled: bool = False
    answered: int = 0
    #: Statuses that a client was told, once the run had ended.
    ends: list[str] = field(default_factory=list)
    #: How often an acknowledged start was gone.
    undone: int = 0


class Driver:
    """Drives runs through one adapter."""

    def __init__(self, adapter: FaultyAdapter, tally: Tally) -> None:
        self._adapter = adapter
        self._tally = tally
        self._clients: dict[int, FleetClient] = {}

    def client(self, run: Run) -> FleetClient:
        number = run.load.number
        if number not in self._clients:
            self._clients[number] = client_for(self._adapter, run.load)
        return self._clients[number]

    async def drive(self, run: Run) -> None:
        """Return when the run has ended, or waits for an answer that it shall never get."""
        run.is_over = False
        while not run.is_over:
            try:
                await self._step(run)
            except BackendError:
                await asyncio.sleep(0.1)
            except NotFoundError:
                # The end of the log was lost, and with it the start. A client that is told so starts again.
                run.undone += run.is_started
                run.is_started = False
            except ConflictError:
                # The answer, or the wait for it, was undone or ended meanwhile: look again.
                await asyncio.sleep(0.1)

    async def start(self, run: Run) -> None:
        """Once, or once more: it makes no difference."""
        case = run.load.case
        await self.client(run).start(parse_blueprint(case.blueprint), case.inputs, run_id=run.id)
        run.is_started = True

    async def _step(self, run: Run) -> None:
        client = self.client(run)
        if not run.is_started:
            await self.start(run)
        result = await client.proceed(run.id, timeout_s=_LOOK_S)
        if result.is_final:
            run.ends.append(result.status)
            run.is_over = True
        elif await is_quiet(client.store, run.id):
            await self._answer(run, client)

    async def _answer(self, run: Run, client: FleetClient) -> None:
        given = sum(
            event.type == ev.NODE_RESUMED and event.data["kind"] == st.ANSWER
            for event in await client.store.events(run.id)
        )
        answers = run.load.case.answers
        if given >= len(answers):
            run.is_over = True
            return
        answer = answers[given]
        assert isinstance(answer, Answer)
        waits = await open_waits(client.store, run.id)
        asked = {node_of(it.instance) for it in waits if it.run_id == run.id}
        if node_of(answer.node) not in asked and await has_crash_loop(client.store, run.id):
            # With a node that was given up the run goes another way: what waits there nobody has an answer for.
            run.is_over = True
            return
        await client.answer(run.id, answer.node, action=answer.action, output=answer.output)
        run.answered = max(run.answered, given + 1)

    async def cancel(self, run: Run) -> None:
        if not run.is_started:
            return
        run.cancel_sent = True
        self._tally["cancel"] += 1
        try:
            await self.client(run).cancel(run.id, "chaos")
            run.cancelled = True
        except (BackendError, ConflictError, NotFoundError):
            pass  # nothing was acknowledged

    async def reconcile(self, run: Run) -> None:
        self._tally["reconcile"] += 1
        with contextlib.suppress(BackendError, ConflictError, NotFoundError):
            await self.client(run).reconcile(run.id)


async def command_at_random(driver: Driver, runs: list[Run], chance: random.Random, pause_s: float) -> None:
    """Cancel one run in thirty, and reconcile healthy and ailing ones, until cancelled."""
    while True:
        await asyncio.sleep(chance.uniform(0, 2 * pause_s))
        run = chance.choice(runs)
        if not run.is_started:
            continue
        if chance.random() < 0.25 and not run.is_over:
            await driver.cancel(run)
        else:
            await asyncio.gather(*(driver.reconcile(run) for _ in range(chance.randint(1, 3))))
