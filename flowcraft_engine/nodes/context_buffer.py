"""The node's view of the run's context: reads through to the run, buffers the writes for the commit.

One buffer, two views: `AsyncContextView` for async nodes and `SyncContextView` for sync ones. Nothing is
written until the node's result is committed; an attempt that fails leaves nothing behind.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from flowcraft_engine.errors import NodeError
from flowcraft_engine.values import JsonValue, copy_json, to_json

if TYPE_CHECKING:
    import asyncio

T = TypeVar("T")
#: One change: operation (`set delete increment append`), key, operand.
ContextChange = tuple[str, str, JsonValue]
_ABSENT: Any = object()


class ContextReader(Protocol):
    """Reads the committed user keys of one run."""

    async def read(self, keys: tuple[str, ...]) -> dict[str, JsonValue]:
        """The given keys that exist. The values belong to the store: callers must not change them."""
        ...

    async def read_all(self) -> dict[str, JsonValue]: ...


class AsyncContextView:
    """`ctx.context` of an async node; it reads its own writes."""

    __slots__ = ("_grown", "_overlay", "_reader", "changes")

    def __init__(self, reader: ContextReader) -> None:
        self._reader = reader
        self._overlay: dict[str, Any] | None = None
        self.changes: list[ContextChange] | None = None
        #: The keys whose lists in the overlay are this view's own, made by `append`.
        self._grown: set[str] | None = None

    async def get(self, key: str, default: Any = None) -> Any:
        """A copy of the value of `key`, or `default`."""
        value = await self._current(key)
        return default if value is _ABSENT else copy_json(value)

    async def has(self, key: str) -> bool:
        return await self._current(key) is not _ABSENT

    async def set(self, key: str, value: Any) -> None:
        """Set `key` when this node commits. Raises `NotSerializableError` for what is not JSON."""
        plain = to_json(value)
        self._replace("set", key, plain, plain)

    async def delete(self, key: str) -> None:
        self._replace("delete", key, None, _ABSENT)

    async def increment(self, key: str, by: float = 1) -> Any:
        """Add `by` to a number (absent counts as 0); concurrent ones add up. Returns the value seen here."""
        if isinstance(by, bool) or not isinstance(by, (int, float)):
            raise NodeError(f"increment needs a number, not {by!r}", retryable=False)
        current = await self._current(key)
        if current is _ABSENT:
            current = 0
        if isinstance(current, bool) or not isinstance(current, (int, float)):
            raise NodeError(
                f"context key {key!r} holds {type(current).__name__}, not a number", retryable=False
            )
        to_json(by)  # refuses NaN and infinities
        total = current + by
        self._record("increment", key, by)[key] = total
        return total

    async def append(self, key: str, value: Any) -> None:
        """Append to a list (absent counts as empty); concurrent appends are all kept."""
        plain = to_json(value)
        current = await self._current(key)
        if current is _ABSENT:
            current = []
        if not isinstance(current, list):
            raise NodeError(
                f"context key {key!r} holds {type(current).__name__}, not a list", retryable=False
            )
        overlay = self._record("append", key, plain)
        if self._grown is None:
            self._grown = set()
        if key in self._grown:
            overlay[key].append(plain)  # a copy for each item would cost the square of their number
        else:
            overlay[key] = [*current, plain]
            self._grown.add(key)

    async def to_dict(self) -> dict[str, Any]:
        """A copy of all user keys."""
        merged: dict[str, Any] = dict(await self._reader.read_all())
        merged.update(self._overlay or {})
        return {key: copy_json(value) for key, value in merged.items() if value is not _ABSENT}

    async def patch(self, values: dict[str, Any]) -> None:
        """Set several keys."""
        for key, value in values.items():
            await self.set(key, value)

    async def restart(self, changes: list[ContextChange]) -> None:
        """Forget everything written so far and write `changes` instead."""
        self._overlay = self.changes = self._grown = None
        for operation, key, operand in changes:
            if operation == "delete":
                await self.delete(key)
            else:
                await getattr(self, operation)(key, operand)

    def preview(self, committed: dict[str, JsonValue]) -> dict[str, JsonValue]:
        """`committed` as it would be after this node's changes; what the node's own conditions see.

        The changes are made once more: what the node saw when it made them may be what it was before others did.
        """
        if self.changes is None or self._overlay is None:
            return committed
        # Here, because `validate` knows node types without the kernel.
        from flowcraft_engine.kernel.commands import ABSENT
        from flowcraft_engine.kernel.delta import DeltaConflictError, changed_keys

        try:
            changed = changed_keys(committed, self.changes)
        except DeltaConflictError:
            changed = self._overlay  # the commit fails the node
        merged = {**committed, **changed}
        return {key: value for key, value in merged.items() if value is not ABSENT and value is not _ABSENT}

    async def _current(self, key: str) -> Any:
        if key.startswith("_"):
            return _ABSENT
        if self._overlay is not None and key in self._overlay:
            return self._overlay[key]
        return (await self._reader.read((key,))).get(key, _ABSENT)

    def _replace(self, operation: str, key: str, operand: JsonValue, value: Any) -> None:
        self._record(operation, key, operand)[key] = value
        if self._grown is not None:
            self._grown.discard(key)

    def _record(self, operation: str, key: str, value: JsonValue) -> dict[str, Any]:
        if not isinstance(key, str) or not key or key.startswith("_"):
            raise NodeError(
                f"context keys are text that does not begin with '_', not {key!r}", retryable=False
            )
        if self._overlay is None or self.changes is None:
            self._overlay, self.changes = {}, []
        self.changes.append((operation, key, value))
        return self._overlay


class SyncContextView:
    """`ctx.context` of a sync node, used from its thread: the same operations without `await`."""

    __slots__ = ("_loop", "_view")

    def __init__(self, view: AsyncContextView, loop: asyncio.AbstractEventLoop) -> None:
        self._view = view
        self._loop = loop

    @property
    def asynchronous(self) -> AsyncContextView:
        """The view of the same buffer for code that runs on the event loop."""
        return self._view

    def wait_for(self, operation: Coroutine[Any, Any, T]) -> T:
        """Run `operation` on the event loop of the node and wait for it in this thread."""
        import asyncio  # here, because `validate` knows node types without an event loop

        return asyncio.run_coroutine_threadsafe(operation, self._loop).result()

    def get(self, key: str, default: Any = None) -> Any:
        return self.wait_for(self._view.get(key, default))

    def has(self, key: str) -> bool:
        return self.wait_for(self._view.has(key))

    def set(self, key: str, value: Any) -> None:
        self.wait_for(self._view.set(key, value))

    def delete(self, key: str) -> None:
        self.wait_for(self._view.delete(key))

    def increment(self, key: str, by: float = 1) -> Any:
        return self.wait_for(self._view.increment(key, by))

    def append(self, key: str, value: Any) -> None:
        self.wait_for(self._view.append(key, value))

    def to_dict(self) -> dict[str, Any]:
        return self.wait_for(self._view.to_dict())

    def patch(self, values: dict[str, Any]) -> None:
        self.wait_for(self._view.patch(values))
