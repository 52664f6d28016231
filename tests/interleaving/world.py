"""The scheduler: one seed decides who moves, what is lost, who dies and who sleeps, and what time it is."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

from flowcraft_engine.backends.redis.failure import RedisAwayError
from flowcraft_engine.backends.redis.scripts import Scripts
from flowcraft_engine.backends.redis.store import RedisCoordinationStore
from flowcraft_engine.errors import FlowcraftError
from tests.interleaving.faults import Faults
from tests.interleaving.messages import Message
from tests.interleaving.processes import Client, Process, Surroundings, Worker
from tests.interleaving.road import DirectLink, Trip
from tests.interleaving.server import CLOCK_LUA, Server
from tests.reference.case import Case

_START_MS = 1_700_000_000_000
_MOST_STEPS = 30_000
_MOST_IDLE_ROUNDS = 60
#: So far time jumps when nothing else can move: a third of a lease is renewed in time.
_JUMP_MS = 2_600
_RENEW_AFTER_MS = 4_000
Move = tuple[float, Callable[[], None]]


class StuckError(AssertionError):
    """Nothing moves any more, although something should."""


class World:
    """Some processes, a queue and a server, moved one step at a time."""

    def __init__(self, random: Random, case: Case, server: Server, faults: Faults) -> None:
        self.random = random
        self.faults = faults
        self.server = server
        self.now_ms = _START_MS
        server.empty(self.now_ms)
        self.scripts = make_scripts()
        self.around = Surroundings(case, server, self.scripts, lambda: self.now_ms / 1000)
        self.log: list[str] = []
        self.steps = 0
        self.trips = 0
        self.clients = [Client(f"client{number}", self.around, self._skew()) for number in (1, 2)]
        self.workers: list[Worker] = []
        self.deliveries: list[tuple[Worker, Message, asyncio.Task[Any]]] = []
        self.broken: list[BaseException] = []
        self.check: Callable[[], Awaitable[None]] | None = None
        #: What the scheduler may do once, at a moment of its choice.
        self.surprises: list[Callable[[], None]] = []
        self._strays: list[Trip] = []
        self._renewed: dict[str, int] = {}
        self._rounds = 0
        self._born = 0
        #: The process behind each append, by the beginning of its id.
        self.appenders = {client.appends_as: client.name for client in self.clients}
        for _ in range(random.choice([1, 2, 2, 3])):
            self.add_worker()

    # ---- processes -----------------------------------------------------------------------------------------

    @property
    def processes(self) -> list[Process]:
        return [*self.clients, *self.workers]

    def add_worker(self) -> None:
        self._born += 1
        worker = Worker(f"worker{self._born}", self.around, self._skew(), self.random.choice([1, 2, 3]))
        self.workers.append(worker)
        self.appenders[worker.appends_as] = worker.name
        self._renewed[worker.name] = self.now_ms
        worker.begin()

    def observer(self) -> RedisCoordinationStore:
        """A store that has seen nothing yet, and sees all at once."""
        return RedisCoordinationStore(DirectLink(self.server), scripts=self.scripts)

    def _skew(self) -> float:
        return self.random.choice([0.0, 3600.0, -3600.0])

    # ---- moving --------------------------------------------------------------------------------------------

    async def rest(self) -> None:
        """Return when nothing moves and nothing is owed: the runs have ended, or wait for people."""
        self._rounds = 0
        while True:
            await self._let_everybody_think()
            if self.broken:
                raise self.broken[0]
            moves = self._moves()
            if moves:
                self.steps += 1
                if self.steps > _MOST_STEPS:
                    raise StuckError(f"no rest after {self.steps} steps")
                self._choose(moves)()
                if self.check is not None and self.random.random() < 0.01:
                    await self._let_everybody_think()
                    await self.check()
            elif self._owed() is None:
                return
            else:
                self._pass_time()

    async def _let_everybody_think(self) -> None:
        """Return when every task waits for a trip."""
        ready: Any = asyncio.get_running_loop()._ready  # type: ignore[attr-defined]
        await asyncio.sleep(0)
        while ready:
            await asyncio.sleep(0)

    def _choose(self, moves: list[Move]) -> Callable[[], None]:
        return self.random.choices([move for _, move in moves], [weight for weight, _ in moves])[0]

    def _moves(self) -> list[Move]:
        moves: list[Move] = []
        if self.random.random() < 0.03:
            self._change_speeds()
        moves += [
            (process.speed, lambda process=process: self._travel(process))
            for process in self.processes
            if process.may_move and process.road.trips
        ]
        awake = [worker for worker in self.workers if worker.may_move]
        if self.around.messages.waiting:
            moves += [
                (5, lambda worker=worker: self._deliver(worker)) for worker in awake if worker.worker.room > 0
            ]
        if not moves:
            return []
        for worker in awake:
            if self.now_ms - self._renewed[worker.name] > _RENEW_AFTER_MS:
                moves.append((2, lambda worker=worker: self._renew(worker)))
        moves.append((1, lambda: self._tick(self.random.choice([1, 1, 5, 20]))))
        return moves + self._surprising_moves(awake)

    def _change_speeds(self) -> None:
        """Who is slow falls far behind: most bugs need one that does many steps between two of another."""
        for process in self.processes:
            process.speed = self.random.choice([0.3, 3.0, 10.0, 10.0])

    def _surprising_moves(self, awake: list[Worker]) -> list[Move]:
        faults, moves = self.faults, list[Move]()
        if awake and faults.extra_sweeps:
            moves.append((0.5, lambda: self._sweep(self.random.choice(awake))))
        if awake and faults.crashes:
            moves.append((0.3, lambda: self._crash(self.random.choice(awake))))
        if awake and faults.freezes:
            busy = [worker for worker in awake if worker.worker.room == 0] or awake
            moves.append((0.3, lambda: self._freeze(self.random.choice(busy))))
        if faults.stalls and (asking := [worker for worker in awake if worker.road.trips]):
            moves.append((0.5, lambda: self._stall(self.random.choice(asking))))
        moves += [
            (2, lambda worker=worker: self._thaw(worker)) for worker in self.workers if self._may_wake(worker)
        ]
        if self._strays:
            moves.append((0.5, self._send_stray))
        if self.surprises:
            moves.append((0.3, lambda: self.surprises.pop()()))
        return moves

    # ---- trips and messages --------------------------------------------------------------------------------

    def _travel(self, process: Process) -> None:
        trip = process.road.trips.popleft()
        self.trips += 1
        fate = self._fate(process, trip) if trip.is_redis else "arrives"
        self.log.append(f"{process.name}: {trip.what}" + ("" if fate == "arrives" else f" [{fate}]"))
        reply: Any = None
        if fate != "request lost" and not fate.endswith("before"):
            reply = _outcome(trip)
        if fate in ("request lost", "reply lost"):
            process.road.trips.append(trip)
        elif fate.startswith("outage"):
            trip.pass_on(RedisAwayError("the server is away"))
        else:
            if fate == "stray":
                self._strays.append(trip)
            trip.pass_on(reply)

    def _fate(self, process: Process, trip: Trip) -> str:
        faults, chance = self.faults, self.random.random()
        if chance < 0.02 and faults.lost_requests:
            faults.lost_requests -= 1
            return "request lost"
        most = 0.05 if isinstance(process, Worker) else 0.3  # people ask seldom
        if 0.02 <= chance < most and faults.lost_replies:
            faults.lost_replies -= 1
            return "reply lost"
        if 0.05 <= chance < 0.07 and faults.strays and not trip.what[0].isupper():
            faults.strays -= 1
            return "stray"
        if 0.07 <= chance < 0.08 and faults.outages and isinstance(process, Worker):
            faults.outages -= 1
            return self.random.choice(["outage before", "outage after"])
        return "arrives"

    def _send_stray(self) -> None:
        trip = self._strays.pop(self.random.randrange(len(self._strays)))
        self.log.append(f"stray: {trip.what}")
        _outcome(trip)

    def _deliver(self, worker: Worker) -> None:
        waiting = self.around.messages.waiting
        message = waiting[place := self.random.randrange(len(waiting))]
        chance = self.random.random()
        if chance < 0.1 and self.faults.doubled_messages:
            self.faults.doubled_messages -= 1
        else:
            del waiting[place]
        if 0.1 <= chance < 0.2 and self.faults.lost_messages:
            self.faults.lost_messages -= 1
            self.log.append(f"lost message: {message.job.instance}")
            return
        self.log.append(f"{worker.name}: takes {message.job.instance}")
        task = worker.take(message.job)
        self.deliveries.append((worker, message, task))
        task.add_done_callback(lambda done: self._acknowledge(worker, message, done))

    def _acknowledge(self, worker: Worker, message: Message, task: asyncio.Task[Any]) -> None:
        self.deliveries.remove((worker, message, task))
        if not worker.road.is_closed and not task.cancelled() and task.exception() is not None:
            self.around.messages.waiting.append(message)

    # ---- time, death and sleep -----------------------------------------------------------------------------

    def _tick(self, ms: int) -> None:
        self.now_ms += ms
        self.server.set_clock(self.now_ms)

    def _pass_time(self) -> None:
        self._rounds += 1
        if self._rounds > _MOST_IDLE_ROUNDS:
            raise StuckError(f"nothing moves, but {self._owed()}")
        self._tick(_JUMP_MS)
        self.log.append(f"time passes: {self._owed()}")
        for worker in self.workers:
            if worker.may_move:
                self._renew(worker)
                worker.sweep(only_due=False)
            elif self._may_wake(worker) and self.random.random() < 0.5:
                self._thaw(worker)

    def _may_wake(self, worker: Worker) -> bool:
        return worker.is_frozen and self.now_ms >= worker.sleeps_until_ms

    def _renew(self, worker: Worker) -> None:
        self._renewed[worker.name] = self.now_ms
        worker.renew()

    def _sweep(self, worker: Worker) -> None:
        self.faults.extra_sweeps -= 1
        worker.sweep(only_due=self.random.random() < 0.5)

    def _crash(self, worker: Worker) -> None:
        """It dies here, with requests under way; another one takes its place."""
        self.faults.crashes -= 1
        self.log.append(f"{worker.name}: dies")
        if worker.road.trips and self.random.random() < 0.5:
            trip = worker.road.trips[0]
            self.log.append(f"{worker.name}: {trip.what} [its last]")
            _outcome(trip)
        self.workers.remove(worker)
        worker.road.close()
        lost = [message for dead, message, _ in self.deliveries if dead is worker]
        if self.random.random() < 0.7:
            self.around.messages.waiting += lost
        self.add_worker()

    def _freeze(self, worker: Worker) -> None:
        """It sleeps until others believe that it is dead."""
        self.faults.freezes -= 1
        self._sleep(worker, self.now_ms + 16_000)

    def _stall(self, worker: Worker) -> None:
        self.faults.stalls -= 1
        self._sleep(worker, self.now_ms + self.random.choice([1_000, 6_000]))

    def _sleep(self, worker: Worker, until_ms: int) -> None:
        self.log.append(f"{worker.name}: sleeps")
        worker.is_frozen = True
        worker.sleeps_until_ms = until_ms

    def _thaw(self, worker: Worker) -> None:
        self.log.append(f"{worker.name}: wakes up")
        worker.is_frozen = False

    # ---- what is owed --------------------------------------------------------------------------------------

    def _owed(self) -> str | None:
        """What somebody still has to do, as the derived keys and the processes tell."""
        if any(worker.is_frozen for worker in self.workers):
            return "somebody sleeps"
        for process in self.processes:
            if process.tasks:
                return f"{process.name} has not finished"
        call = self.server.call
        if due := call("ZRANGE", "flowcraft:due", 0, -1):
            return f"due: {due}"
        for key in sorted(self.server.keys()):
            if key.startswith("flowcraft:unclaimed:"):
                return f"ready: {call('ZRANGE', key, 0, -1)}"
            if key.startswith("flowcraft:claims:"):
                return f"{key}: {call('SMEMBERS', key)}"
        return None


def make_scripts() -> Scripts:
    return Scripts(clock=CLOCK_LUA)


def _outcome(trip: Trip) -> Any:
    try:
        return trip.perform()
    except Exception as error:  # handed to whoever has asked
        return error


class BugCatcher(logging.Handler):
    """Workers log what they cannot carry through; anything but an outage in there is a bug."""

    def __init__(self, broken: list[BaseException]) -> None:
        super().__init__(logging.ERROR)
        self._broken = broken

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and not isinstance(error, FlowcraftError):
            self._broken.append(error)
