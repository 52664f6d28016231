"""One seed: a random workflow, random faults and one order of everything; what came out, against the model."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from random import Random

from flowcraft_engine.backends.redis import journal_codec
from flowcraft_engine.errors import ConflictError, NotFoundError
from flowcraft_engine.execution.standing import result_of as run_result_of
from flowcraft_engine.kernel import event as ev
from flowcraft_engine.kernel import state as st
from tests.interleaving.checks import Journal, check
from tests.interleaving.faults import Faults, random_faults
from tests.interleaving.processes import Client
from tests.interleaving.server import Server
from tests.interleaving.world import BugCatcher, World
from tests.reference.case import Answer, Cancel, Case
from tests.reference.explore import TooManyStates, admissible_results
from tests.reference.generator import Options, random_case
from tests.reference.real import result_of

RUN = "case"
_log = logging.getLogger("flowcraft.worker")
_MOST_STATES = 500


@dataclass
class Report:
    """What an experiment did."""

    seed: int
    trips: int
    steps: int
    status: str
    has_oracle: bool


def experiment(seed: int, server: Server) -> Report:
    """Run one seed. Raises `AssertionError` with the seed and the end of the log."""
    random = Random(seed)
    case, expected = _random_case(random)
    faults = random_faults(random)
    is_cancelled = random.random() < 0.1
    shortest = random.choice([512, 8])
    told = f"experiment({seed})\n{case}\n{faults}\ncancelled: {is_cancelled}, values kept from {shortest} on"
    with _values_kept_from(shortest), _quiet_log():
        return asyncio.run(_Experiment(seed, random, case, expected, faults, is_cancelled, server).run(told))


def _random_case(random: Random) -> tuple[Case, set[str] | None]:
    """A case, and the results that may come of it; None if there are too many orders to try."""
    racing = random.random() < 0.4
    options = Options(random.randint(2, 6) if racing else random.randint(2, 12), racing=racing)
    if racing and random.random() < 0.3:
        options = replace(options, fail_fast=True)
    case = random_case(random, options)
    try:
        return case, {result.key for result in admissible_results(case, bound=_MOST_STATES)}
    except TooManyStates:
        return case, None


@contextmanager
def _values_kept_from(shortest: int) -> Iterator[None]:
    """With a small limit, almost every value is large."""
    before = journal_codec._SMALL_STEP, journal_codec._LARGE_VALUE
    journal_codec._LARGE_VALUE = shortest
    journal_codec._SMALL_STEP = 2 * shortest
    try:
        yield
    finally:
        journal_codec._SMALL_STEP, journal_codec._LARGE_VALUE = before


@contextmanager
def _quiet_log() -> Iterator[None]:
    """Dying processes have much to say."""
    silence = logging.NullHandler()
    _log.addHandler(silence)
    _log.propagate = False
    try:
        yield
    finally:
        _log.propagate = True
        _log.removeHandler(silence)


class _Experiment:
    def __init__(
        self,
        seed: int,
        random: Random,
        case: Case,
        expected: set[str] | None,
        faults: Faults,
        is_cancelled: bool,
        server: Server,
    ) -> None:
        self.seed = seed
        self.random = random
        self.case = case
        self.expected = expected
        self.faults = faults
        self.is_faultless = faults.are_none
        self.is_cancelled = is_cancelled
        self.server = server
        self.verdicts: list[str] = []

    async def run(self, told: str) -> Report:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
        self.world = world = World(self.random, self.case, self.server, self.faults)
        world.check = lambda: check(world)
        catcher = BugCatcher(world.broken)
        _log.addHandler(catcher)
        try:
            return await self._run()
        except Exception as error:
            tail = "\n".join(world.log[-80:])
            raise AssertionError(f"{told}\n\n{tail}\n\n{type(error).__name__}: {error}") from error
        finally:
            _log.removeHandler(catcher)
            for process in world.processes:
                process.road.close()

    async def _run(self) -> Report:
        world = self.world
        for client in world.clients if self.random.random() < 0.3 else world.clients[:1]:
            client.spawn(self._start(client))
        if self.is_cancelled:
            world.surprises.append(lambda: world.clients[1].spawn(self._cancel(world.clients[1])) and None)
        await world.rest()
        await check(world)
        for answer in self.case.answers:
            self.verdicts.append(await self._answer(answer))
            await world.rest()
        await check(world)
        return await self._judge()

    # ---- what people do ------------------------------------------------------------------------------------

    async def _start(self, client: Client) -> None:
        await client.client.start(client.around.blueprint, self.case.inputs, run_id=RUN)

    async def _cancel(self, client: Client) -> None:
        try:
            await client.client.cancel(RUN, "enough")
        except (ConflictError, NotFoundError):
            self.is_cancelled = False

    async def _answer(self, answer: Answer | Cancel) -> str:
        """Given by one client, or by two at once; what became of it."""
        buffered = self._buffered()
        clients = [self.world.clients[0]]
        if not any("loop" in node for node in self.case.blueprint["nodes"]) and self.random.random() < 0.3:
            clients = self.world.clients
        tasks = [client.spawn(self._give(client, answer)) for client in clients]
        await self.world.rest()
        found = [task.result() for task in tasks]
        best = min(found, key=["accepted", "repeated", "refused", "unknown"].index)
        return "kept" if best == "accepted" and self._buffered() > buffered else best

    async def _give(self, client: Client, answer: Answer | Cancel) -> str:
        try:
            if isinstance(answer, Cancel):
                await client.client.cancel(RUN)
                return "accepted"
            given = await client.client.answer(RUN, answer.node, action=answer.action, output=answer.output)
        except ConflictError:
            return "refused"
        except NotFoundError:
            return "unknown"
        return "accepted" if given else "repeated"

    def _buffered(self) -> int:
        return sum(event.type == ev.SIGNAL_BUFFERED for event in Journal(self.server, RUN).events)

    # ---- the verdict ---------------------------------------------------------------------------------------

    async def _judge(self) -> Report:
        store = self.world.observer()
        result = await run_result_of(store, RUN)
        document = result.to_json()
        if self.is_cancelled and not self.world.surprises:
            assert document["status"] == "cancelled"
        elif self.expected is not None:
            key = result_of(document, self.case, tuple(self.verdicts)).key
            assert key in self.expected or key in self._after_releases(), (
                f"not admissible:\n{key}\nbut one of\n" + "\n".join(self.expected)
            )
        await self._check_effects()
        status = str(document["status"])
        await self._retire(status)
        return Report(self.seed, self.world.trips, self.world.steps, status, self.expected is not None)

    def _after_releases(self) -> set[str]:
        """What may come of it because those whose claims were taken back could be ready again."""
        events = Journal(self.server, RUN).events
        released = {event.instance for event in events if event.type == ev.NODE_RELEASED}
        return {result.key for result in admissible_results(self.case, released=released)}

    async def _check_effects(self) -> None:
        """Whatever has a result was executed; without faults exactly as often as it was attempted."""
        ledger, store = self.world.around.ledger, self.world.observer()
        ledger.check_keys()
        for run_id in {run_id for run_id, _ in ledger.begun}:
            _, state = await store.glance(run_id)
            for (run, name), count in ledger.begun.items():
                if run != run_id:
                    continue
                instance = state.instances[name]
                assert instance.has_started, f"{name} was executed, but never claimed"
                if self.is_faultless and state.status != "cancelled" and instance.state != st.RUNNING:
                    assert count == instance.attempt, (
                        f"{name}: {count} executions, {instance.attempt} attempts"
                    )

    async def _retire(self, status: str) -> None:
        """A run that is forgotten leaves nothing behind."""
        if status not in ("completed", "failed", "cancelled"):
            return
        await self.world.observer().retire(RUN)
        left = {key for key in sorted(self.server.keys()) if "{" in key or key.startswith("flowcraft:runs")}
        left |= self.server.keys() & {
            "flowcraft:finished",
            "flowcraft:blueprints",
            "flowcraft:blueprint-users",
        }
        assert not left, f"left behind: {left}"
