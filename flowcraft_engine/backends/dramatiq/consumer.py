"""Dramatiq's consumer of one queue, blocking where the original sleeps. Keeps the original's books.

The consumer's thread calls `__next__` again and again. Three things wake it: a message in an empty queue (`Arrivals`),
a place that became free (`settled`, `Intake.room_grew`), and the time for a heartbeat. What it has fetched goes to
whoever the broker hands over to, who settles it: Dramatiq's own worker threads get nothing. Nothing raises while
Redis is away: the thread waits and goes on by itself, and acknowledgements that did not get through are repeated until
they do.

What Redis says that we hold is compared with what we know to hold at each heartbeat. What we do not know was
fetched by a call whose reply was lost (it is taken up now), or cannot be read (it goes to the dead letters).
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final, Protocol, TypeAlias

import redis
from dramatiq.broker import Consumer
from redis.exceptions import NoScriptError, RedisError, ResponseError

from flowcraft_engine.backends.dramatiq import dead_letters
from flowcraft_engine.backends.dramatiq.arrivals import Arrivals
from flowcraft_engine.backends.dramatiq.delivery import Delivery
from flowcraft_engine.backends.dramatiq.intake import Intake
from flowcraft_engine.backends.dramatiq.layout import Layout
from flowcraft_engine.backends.dramatiq.message import PoisonMessageError, ReadMessage, decode
from flowcraft_engine.backends.dramatiq.outage import Outage
from flowcraft_engine.backends.redis.address import RedisAddress

#: Well below the time after which a silent process counts as dead.
HEARTBEAT_S: Final = 4.0
#: How quickly the end of this thread is noticed.
_GLANCE_S: Final = 0.05

_log = logging.getLogger("flowcraft.queue")

#: Takes what was fetched, in the thread of its consumer, and settles it; false means that nobody does any more.
HandOver: TypeAlias = Callable[[Sequence[Delivery]], bool]


class Home(Protocol):
    """What a consumer needs of its broker."""

    client: redis.Redis
    address: RedisAddress
    broker_id: str
    layout: Layout
    intake: Intake
    threads: int
    hand_over: HandOver
    do_fetch: Any
    do_ack: Any
    do_requeue: Any

    def fetch_command(self, queue_name: str, count: int) -> tuple[Any, ...]: ...


class BlockingConsumer(Consumer):
    """`prefetch` is how many messages may be held, those under way included. `timeout` is the original's."""

    def __init__(self, broker: Home, queue_name: str, prefetch: int, timeout: int) -> None:
        self._broker = broker
        self._intake = broker.intake
        self._queue = queue_name
        self._limit = prefetch
        # Filled up again when no more than one message for each thread is left: several by one round trip.
        self._refill_at = min(prefetch - 1, broker.threads)
        self._hands = broker.intake.join()
        self._late: deque[tuple[str, str]] = deque()
        self._ready: deque[Delivery] = deque()
        layout = broker.layout
        held = layout.held(broker.broker_id, queue_name)
        self.keys: Sequence[str] = (held, layout.messages(queue_name), layout.ids(queue_name))
        self._arrivals = Arrivals(broker.client, layout.ids(queue_name))
        self._outage = Outage(queue_name, broker.address)
        self._heartbeat_due = 0.0
        self._fetch = broker.do_fetch
        self._settle = {"ack": broker.do_ack, "requeue": broker.do_requeue}

    def __next__(self) -> None:
        self._step_and_survive()
        self._hand_over()

    def close(self) -> None:
        """Give back what was not begun. If Redis is away, others take it when our heartbeat has died."""
        self._intake.quit(self._hands)
        self._give_back()
        self._repeat_late()
        self._arrivals.close()

    # -- the consumer's thread -----------------------------------------------------------------------------------

    def _step_and_survive(self) -> None:
        try:
            self._step()
        except RedisError as error:
            self._heartbeat_due = 0.0
            self._outage.failed(error)
            # If one connection is dead, those that rest in the pool are likely to be, too.
            self._broker.client.connection_pool.disconnect(inuse_connections=False)
            self._hands.changed.wait(self._outage.pause_s())
            self._hands.changed.clear()
        else:
            self._outage.ended()

    def _step(self) -> None:
        """Do one thing that is to be done, or wait for one."""
        if time.monotonic() >= self._heartbeat_due:
            self._beat()
        if self._intake.closed:
            self._give_back()
        hands = self._hands
        hands.changed.clear()
        hands.wants_room = len(hands.held) <= self._refill_at  # before we look: what comes later wakes us
        free = self._intake.free(hands, self._limit)
        if free <= 0 or len(hands.held) > self._refill_at:
            hands.changed.wait(self._until_heartbeat())
        else:
            hands.wants_room = False
            self._take(free)

    def _until_heartbeat(self) -> float:
        left = max(0.01, self._heartbeat_due - time.monotonic())
        return min(left, _GLANCE_S) if self._intake.stopped else left

    def _is_closed(self) -> bool:
        return self._intake.closed

    def _take(self, count: int) -> None:
        """Fetch up to `count` messages as soon as there are some."""
        command = self._broker.fetch_command(self._queue, count)
        try:
            fetched = self._arrivals.fetch(command, self._until_heartbeat(), self._is_closed)
        except NoScriptError:
            fetched = self._fetch(self._queue, count)
        if fetched is None:
            self._heartbeat_due = 0.0  # interrupted: the books tell what has come all the same
            return
        # Dramatiq's script tells no ids, so what cannot be read is found by comparing the books.
        if sum(self._take_up(data) for data in fetched) != len(fetched):
            self._compare_books()
        surplus = min(-self._intake.free(self._hands, self._limit), len(self._ready))
        if surplus > 0:
            # While we waited, others have filled the places. Nothing may wait here for a place that is free elsewhere.
            self._requeue([self._ready.pop() for _ in range(surplus)])

    def _take_up(self, data: bytes | None) -> bool:
        if data is None:
            return False
        try:
            self._accept(decode(data, queue=self._queue))
        except PoisonMessageError:
            return False
        return True

    def _accept(self, read: ReadMessage) -> None:
        self._hands.held.add(read.id)
        self._hands.open.add(read.id)
        self._ready.append(Delivery(read.id, read.job, self))

    def _hand_over(self) -> None:
        if self._intake.closed:
            self._give_back()
        ready = list(self._ready)
        self._ready.clear()
        if not self._broker.hand_over(ready):
            self._give_back_all()

    def _beat(self) -> None:
        """Say that this process lives, and put in order what an outage has left."""
        self._repeat_late()
        self._fetch(self._queue, 0)
        self._compare_books()
        self._heartbeat_due = time.monotonic() + HEARTBEAT_S

    def _compare_books(self) -> None:
        known = self._hands.held.copy()  # before we ask: what is acknowledged meanwhile is no surprise
        client, layout = self._broker.client, self._broker.layout
        there: Any = client.smembers(layout.held(self._broker.broker_id, self._queue))
        strange = [found for found in there if found.decode(errors="replace") not in known]
        if strange:
            datas: Any = client.hmget(layout.messages(self._queue), strange)
            for found, data in zip(strange, datas, strict=True):
                self._adopt(found, data)

    def _adopt(self, found: bytes, data: bytes | None) -> None:
        if data is None:  # acknowledged already, or somebody has emptied the queue
            self._settle["ack"](self._queue, found)
            return
        try:
            read = decode(data, queue=self._queue)
            if read.id.encode() != found:
                raise PoisonMessageError("kept under another id than its own")
        except PoisonMessageError as error:
            self._bury(found, data, str(error))
        else:
            self._accept(read)

    def _bury(self, found: bytes, data: bytes, reason: str) -> None:
        _log.error("A message in queue %r cannot be read (%s): see the dead letters.", self._queue, reason)
        try:
            self._broker.client.xadd(
                self._broker.layout.dead_letters,
                dead_letters.entry(self._queue, reason, data, time.time_ns() // 1_000_000),
                maxlen=dead_letters.CAPACITY,
                approximate=False,
            )
        except ResponseError as error:
            # Without memory, say. The good messages behind it shall not wait for that.
            _log.error("A dead letter of queue %r could not be kept: %s", self._queue, error)
        self._settle["ack"](self._queue, found)

    def _give_back(self) -> None:
        self._requeue([self._ready.popleft() for _ in range(len(self._ready))])

    def _give_back_all(self) -> None:
        """What was begun here, or handed over, will not be settled by anybody else."""
        self._hands.open.clear()
        ids = self._hands.held - {message_id for _, message_id in self._late}
        if ids:
            self._let_go("requeue", *ids)

    def _requeue(self, deliveries: Iterable[Delivery]) -> None:
        ids = [it.id for it in deliveries]
        self._hands.open.difference_update(ids)
        if ids:
            self._let_go("requeue", *ids)

    def _repeat_late(self) -> None:
        for _ in range(len(self._late)):
            command, message_id = self._late.popleft()
            if not self._let_go(command, message_id):
                return

    # -- any thread ----------------------------------------------------------------------------------------------

    def answered(self, message_id: str) -> None:
        self._hands.open.discard(message_id)
        self._intake.room_grew()

    def settled(self, ids: Sequence[str]) -> None:
        self._hands.held.difference_update(ids)
        if len(self._hands.held) <= self._refill_at:
            self._hands.changed.set()

    def unsettled(self, ids: Sequence[str], *, handed_back: bool) -> None:
        """What does not get through stays ours, and is repeated at the next heartbeat."""
        self._late.extend(("requeue" if handed_back else "ack", message_id) for message_id in ids)

    def _let_go(self, command: str, *ids: str) -> bool:
        """Acknowledge (one) or give back (some)."""
        try:
            self._settle[command](self._queue, *ids)
        except RedisError:
            self.unsettled(ids, handed_back=command == "requeue")
            return False
        self.settled(ids)
        return True
