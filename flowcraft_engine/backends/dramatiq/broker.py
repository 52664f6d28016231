"""Dramatiq's broker on Redis, with the holes of its default settings closed. One for each consuming process.

No middleware at all: retries, delays, time limits and results belong to the engine. Messages of dead processes
are looked for at each fetch, not at one in a thousand. Producers are no brokers here, so they leave no
heartbeats behind.
"""

from __future__ import annotations

from typing import Any, Final

from dramatiq.brokers.redis import RedisBroker
from dramatiq.common import current_millis

from flowcraft_engine.backends.dramatiq.client import blocking_client
from flowcraft_engine.backends.dramatiq.consumer import BlockingConsumer, HandOver
from flowcraft_engine.backends.dramatiq.intake import Intake
from flowcraft_engine.backends.dramatiq.layout import Layout
from flowcraft_engine.backends.redis.address import RedisAddress

#: A process that has not been heard of for so long is dead, and its messages go to others.
HEARTBEAT_TIMEOUT_MS: Final = 15_000
_ALWAYS: Final = 1_000_000
_LEAST_PREFETCH: Final = 8


def prefetch_of(threads: int) -> int:
    """How many messages a process may hold of each queue: enough that the next one is there when one is done.

    They are out of the reach of others meanwhile, which is short: a job is done when it is claimed.
    """
    return max(_LEAST_PREFETCH, 2 * threads)


class HardenedBroker(RedisBroker):
    """`name` identifies this process among the consumers; no other process may ever use it.

    What is fetched goes to `hand_over`.
    """

    def __init__(
        self,
        address: str,
        *,
        name: str,
        layout: Layout,
        intake: Intake,
        threads: int,
        hand_over: HandOver,
        heartbeat_timeout_ms: int = HEARTBEAT_TIMEOUT_MS,
    ) -> None:
        super().__init__(  # type: ignore[no-untyped-call]  # Dramatiq's broker on Redis has no annotations
            client=blocking_client(address),
            middleware=[],
            namespace=layout.prefix,
            maintenance_chance=_ALWAYS,
            heartbeat_timeout=heartbeat_timeout_ms,
        )
        self.address = RedisAddress.parse(address)
        self.broker_id = name
        self.layout = layout
        self.intake = intake
        self.threads = threads
        self.hand_over = hand_over

    @property
    def consumer_class(self) -> type[BlockingConsumer]:
        return BlockingConsumer

    def declare_queue(self, queue_name: str) -> None:
        """As Dramatiq's, without a queue of delayed messages: timers are state, and never live in a worker."""
        if queue_name not in self.queues:
            self.emit_before("declare_queue", queue_name)
            self.queues.add(queue_name)
            self.emit_after("declare_queue", queue_name)

    def leave(self) -> None:
        """Tell the others that this process has ended: what it still holds is theirs at once."""
        held = [self.layout.held(self.broker_id, queue) for queue in self.queues]
        if held and self.client.exists(*held):
            self.client.zadd(self.layout.heartbeats, {self.broker_id: 1})
        else:
            self.client.zrem(self.layout.heartbeats, self.broker_id)

    def close(self) -> None:
        self.client.close()

    def fetch_command(self, queue_name: str, count: int) -> tuple[Any, ...]:
        """What `do_fetch` sends, for whoever sends it together with something else."""
        return (
            *("EVALSHA", self.scripts["dispatch"].sha, 1, self.namespace),
            *("fetch", current_millis(), queue_name, self.broker_id, self.heartbeat_timeout),
            *(self.dead_message_ttl, 1, self._max_unpack_size(), count),  # type: ignore[no-untyped-call]  # of dramatiq
        )
