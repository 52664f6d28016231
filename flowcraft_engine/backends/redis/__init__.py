"""Coordination over one Redis or Valkey server: shared by any number of processes."""

from flowcraft_engine.backends.redis.store import RedisCoordinationStore

__all__ = ["RedisCoordinationStore"]
