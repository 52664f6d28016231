"""Dramatiq's consumer of one queue, blocking where the original sleeps. Keeps the original's books.

The consumer's thread calls `__next__` again and again; worker threads call `ack`. Three things wake the thread:
a message in an empty queue (`Arrivals`), a place that became free (`ack`, `Intake.nudge`), and the time for a
heartbeat. Nothing raises while Redis is away: the thread waits and goes on by itself, and acknowledgements that
did not get through are repeated until they do.

What Redis says that we hold, and what we know to hold, are compared at each heartbeat. The difference are
fetches whose reply was lost (taken up now), and what nobody can read (to the dead letters).
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Iterable
from typing import Any, Final, Protocol

import redis
from dramatiq import Message
from dramatiq.broker import Consumer, MessageProxy
from redis.exceptions import RedisError, ResponseError

from flowcraft_engine.backends.dramatiq import dead_letters
from flowcraft_engine.backends.dramatiq.arrivals import Arrivals
from flowcraft_engine.backends.dramatiq.delivery import Delivery
from flowcraft_engine.backends.dramatiq.intake import Intake
from flowcraft_engine.backends.dramatiq.layout import ACTOR, Layout
from flowcraft_engine.backends.dramatiq.message import PoisonMessageError, ReadMessage, decode
from flowcraft_engine.backends.dramatiq.outage import Outage
from flowcraft_engine.failpoints import failpoint

#: Well below the time after which a silent process counts as dead.
HEARTBEAT_S: Final = 4.0
#: How quickly the end of this thread is noticed.
_GLANCE_S: Final = 0.05

_log = logging.getLogger("flowcraft.queue")


class Home(Protocol):
    """What a consumer needs of its broker."""

    client: redis.Redis
    broker_id: str
    layout: Layout
    intake: Intake
    threads: int
    do_fetch: Any
    do_ack: Any
    do_requeue: Any


class BlockingConsumer(Consumer):
    """`prefetch` is how many messages may be held, those under way included. `timeout` is the original's."""

    def __init__(self, broker: Home, queue_name: str, prefetch: int, timeout: int) -> None:
        self._broker = broker
        self._intake = broker.intake
        self._queue = queue_name
        self._limit = prefetch
        # Filled up again when no more than one message for each thread is left: several by one round trip.
        self._refill_at = min(prefetch - 1, broker.threads)
        self._held: set[str] = set()
        self._late: deque[tuple[str, tuple[str, ...]]] = deque()
        self._ready: deque[MessageProxy] = deque()
        self._hands = broker.intake.join(self._held)
        self._arrivals = Arrivals(broker.client, broker.layout.ids(queue_name))
        self._outage = Outage(queue_name)
        self._heartbeat_due = 0.0
        self._fetch = broker.do_fetch
        self._settle = {"ack": broker.do_ack, "requeue": broker.do_requeue}

    def __next__(self) -> MessageProxy | None:
        if not self._ready or self._intake.closed:
            self._step_and_survive()
        return self._ready.popleft() if self._ready and not self._intake.closed else None

    def ack(self, message: MessageProxy) -> None:
        delivery: Delivery = message.args[0]
        failpoint("ack.before")
        self._let_go("requeue" if delivery.handed_back else "ack", delivery.id)
        failpoint("ack.after")
        if len(self._held) <= self._refill_at:
            self._hands.changed.set()

    def nack(self, message: MessageProxy) -> None:
        """Nothing fails a message here; if something does, the state of the run repairs what is lost."""
        self.ack(message)

    def requeue(self, messages: Iterable[MessageProxy]) -> None:
        """Give back what was not begun. If Redis is away, others take it when our heartbeat has died."""
        ids = [message.args[0].id for message in messages]
        if ids:
            self._let_go("requeue", *ids)

    def close(self) -> None:
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
        self._hands.changed.clear()
        free = self._intake.free(self._hands, self._limit)
        if free <= 0 or len(self._held) > self._refill_at:
            self._hands.changed.wait(self._until_heartbeat())
        elif not self._take(free):
            self._arrivals.wait(self._until_heartbeat(), self._is_closed)

    def _until_heartbeat(self) -> float:
        left = max(0.01, self._heartbeat_due - time.monotonic())
        return min(left, _GLANCE_S) if self._intake.stopped else left

    def _is_closed(self) -> bool:
        return self._intake.closed

    def _take(self, count: int) -> bool:
        """Fetch up to `count` messages; whether there was anything."""
        fetched: list[bytes | None] = self._fetch(self._queue, count)
        # Dramatiq's script tells no ids, so what cannot be read is found by comparing the books.
        if sum(self._take_up(data) for data in fetched) != len(fetched):
            self._compare_books()
        return bool(fetched)

    def _take_up(self, data: bytes | None) -> bool:
        if data is None:
            return False
        try:
            self._accept(decode(data, queue=self._queue))
        except PoisonMessageError:
            return False
        return True

    def _accept(self, read: ReadMessage) -> None:
        self._held.add(read.id)
        delivery = Delivery(read.id, read.job)
        self._ready.append(
            MessageProxy(
                Message(self._queue, ACTOR, (delivery,), {}, {}, message_id=read.id, message_timestamp=0)
            )
        )

    def _beat(self) -> None:
        """Say that this process lives, and put in order what an outage has left."""
        self._repeat_late()
        self._fetch(self._queue, 0)
        self._compare_books()
        self._heartbeat_due = time.monotonic() + HEARTBEAT_S

    def _compare_books(self) -> None:
        known = self._held.copy()  # before we ask: what is acknowledged meanwhile is no surprise
        client, layout = self._broker.client, self._broker.layout
        there: Any = client.smembers(layout.held(self._broker.broker_id, self._queue))
        strange = [found for found in there if found.decode(errors="replace") not in known]
        if strange:
            datas: Any = client.hmget(layout.messages(self._queue), strange)
            for found, data in zip(strange, datas, strict=True):
                self._adopt(found, data)

    def _adopt(self, found: bytes, data: bytes | None) -> None:
        if data is None:  # acknowledged already, or purged
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
        waiting = [self._ready.popleft() for _ in range(len(self._ready))]
        self.requeue(waiting)

    def _repeat_late(self) -> None:
        for _ in range(len(self._late)):
            command, ids = self._late.popleft()
            if not self._let_go(command, *ids):
                return

    # -- any thread ----------------------------------------------------------------------------------------------

    def _let_go(self, command: str, *ids: str) -> bool:
        """Acknowledge or give back. What does not get through stays ours, and is repeated at the next heartbeat."""
        try:
            self._settle[command](self._queue, *ids)
        except RedisError:
            self._late.append((command, ids))
            return False
        self._held.difference_update(ids)
        return True
