"""The port of a run's user state."""

from __future__ import annotations

from typing import Protocol

from flowcraft_engine.values import JsonObject


class AsyncContext(Protocol):
    """The user's keys of one run, as committed. Values belong to the store: callers must not change them.

    Keys that begin with `_` are the engine's and never appear. Nodes do not write here: what they change is
    buffered and applied by their commit.
    """

    async def read(self, keys: tuple[str, ...]) -> JsonObject:
        """The given keys that exist; only these are fetched."""
        ...

    async def read_all(self) -> JsonObject: ...


class MemoryContext:
    """The context of a run whose state is held in this process."""

    __slots__ = ("_values",)

    def __init__(self, values: JsonObject) -> None:
        self._values = values

    async def read(self, keys: tuple[str, ...]) -> JsonObject:
        values = self._values
        return {key: values[key] for key in keys if key in values}

    async def read_all(self) -> JsonObject:
        return self._values
