"""A node type by name, made into a handler when somebody asks for it."""

from __future__ import annotations

from collections.abc import Callable

from flowcraft_engine.nodes.handler import Handler


class NodeEntry:
    """One place in a registry. `source` is what the type is made of: the same one twice is no conflict."""

    __slots__ = ("_handler", "_make", "name", "origin", "source")

    def __init__(self, name: str, origin: str, source: object, make: Callable[[], Handler]) -> None:
        self.name = name
        self.origin = origin
        self.source = source
        self._make = make
        self._handler: Handler | None = None

    @property
    def handler(self) -> Handler:
        """Made once. Raises `RegistryError` when what the entry points to cannot be imported or used."""
        if self._handler is None:
            self._handler = self._make()
        return self._handler
