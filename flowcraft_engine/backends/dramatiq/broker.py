"""Dramatiq's broker on Redis, with the holes of its default settings closed. One for each consuming process.

No middleware at all: retries, delays, time limits and results belong to the engine. Messages of dead processes
are looked for at each fetch, not at one in a thousand. Producers are no brokers here, so they leave no
heartbeats behind.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import redis
from dramatiq.brokers.redis import RedisBroker

from flowcraft_engine.backends.dramatiq.client import blocking_client
from flowcraft_engine.backends.dramatiq.consumer import BlockingConsumer
from flowcraft_engine.backends.dramatiq.intake import Intake
from flowcraft_engine.backends.dramatiq.layout import Layout

#: A process that has not been heard of for so long is dead, and its messages go to others.
HEARTBEAT_TIMEOUT_MS: Final = 15_000
_ALWAYS: Final = 1_000_000
_LEAST_PREFETCH: Final = 8


def prefetch_of(threads: int) -> int:
    """How many messages a process may hold: enough that a thread finds the next one when it has done one.

    They are out of the reach of others meanwhile, which is short: a job is done when it is claimed.
    """
    return max(_LEAST_PREFETCH, 2 * threads)


class HardenedBroker(RedisBroker):
    """`name` identifies this process among the consumers; no other process may ever use it."""

    def __init__(
        self,
        address: str,
        *,
        name: str,
        layout: Layout,
        intake: Intake,
        threads: int,
        heartbeat_timeout_ms: int = HEARTBEAT_TIMEOUT_MS,
    ) -> None:
        super().__init__(  # type: ignore[no-untyped-call]  # Dramatiq's broker on Redis has no annotations
            client=blocking_client(address),
            middleware=[],
            namespace=layout.prefix,
            maintenance_chance=_ALWAYS,
            heartbeat_timeout=heartbeat_timeout_ms,
        )
        self.broker_id = name
        self.layout = layout
        self.intake = intake
        self.threads = threads

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

    def _dispatch(self, command: str) -> Callable[..., Any]:
        """Report a silent server, or one that became a replica, as the lost connection that it is.

        Dramatiq repeats what failed for a lost connection only; all else it gives up for good.
        """
        dispatch = super()._dispatch(command)  # type: ignore[no-untyped-call]

        def dispatched(queue_name: str, *arguments: Any) -> Any:
            try:
                return dispatch(queue_name, *arguments)
            except (redis.TimeoutError, redis.ReadOnlyError) as error:
                raise redis.ConnectionError(str(error)) from error

        return dispatched
