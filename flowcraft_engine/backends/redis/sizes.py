"""How many runs there are by status: the sizes of the indexes, in one round trip."""

from __future__ import annotations

from flowcraft_engine.backends.redis.keys import STATUSES
from flowcraft_engine.backends.redis.store import RedisCoordinationStore


async def count_runs(store: RedisCoordinationStore) -> dict[str, int]:
    """By stored status. Waits for a server that is away as the store's link does."""
    replies = await store.link.calls([("ZCARD", store.keys.runs_with(status)) for status in STATUSES])
    return {status: int(reply) for status, reply in zip(STATUSES, replies, strict=True)}
