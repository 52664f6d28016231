"""The node types that a blueprint may use: the user's, and those that come with flowcraft."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from types import ModuleType
from typing import Any

from flowcraft_engine.errors import RegistryError, UsageError
from flowcraft_engine.nodes.builtin import BuiltinSettings, builtin_entries
from flowcraft_engine.nodes.class_node import class_handler
from flowcraft_engine.nodes.decorator import default_name, marked_name
from flowcraft_engine.nodes.entry import NodeEntry
from flowcraft_engine.nodes.function_node import function_handler, origin_of
from flowcraft_engine.nodes.handler import Handler, JsonSchema
from flowcraft_engine.nodes.module_import import load_target


class NodeRegistry:
    """Node types by name; a `NodeCatalog` too. The built-in ones are always there.

    >>> def double(input: int) -> int:
    ...     return input * 2
    >>> NodeRegistry([double]).get("double").name
    'double'
    """

    def __init__(
        self,
        nodes: Iterable[Callable[..., Any]] = (),
        *,
        is_complete: bool = True,
        builtin_settings: BuiltinSettings | None = None,
        plugins: Callable[[], Iterable[NodeEntry]] | None = None,
    ) -> None:
        """`is_complete=False` says that a blueprint may use types that are not known here.

        `plugins` is asked, once, when a name is neither registered nor built in: reading what is installed
        takes longer than most commands.
        """
        self._is_complete = is_complete
        self._builtins = {entry.name: entry for entry in builtin_entries(builtin_settings)}
        self._entries: dict[str, NodeEntry] = {}
        self._plugins = plugins
        self._installed: dict[str, NodeEntry] | None = None
        #: Those that were asked for; asked again for every node of every run.
        self._handlers: dict[str, Handler] = {}
        for item in nodes:
            self.register(item)

    @classmethod
    def from_module(cls, module: str | ModuleType) -> NodeRegistry:
        """The `@node` marked objects of a module; `"module:attr"` names a registry, a list or a factory.

        Raises `RegistryError`, `UsageError`.
        """
        value = load_target(module) if isinstance(module, str) else module
        label = module if isinstance(module, str) else module.__name__
        if isinstance(value, ModuleType):
            return _registry_of_module(value)
        if not isinstance(value, NodeRegistry) and callable(value) and not _is_node(value):
            value = _call_factory(value, label)
        if isinstance(value, NodeRegistry):
            return value
        if isinstance(value, (list, tuple)):
            return NodeRegistry(value)
        if _is_node(value):
            return NodeRegistry([value])
        raise RegistryError(
            f"{label!r} is a {type(value).__name__}",
            hint="name a module, a NodeRegistry, a list of nodes, or a function that returns one of them",
        )

    @property
    def is_complete(self) -> bool:
        return self._is_complete

    def register(self, node: Callable[..., Any], name: str | None = None) -> None:
        """Add a function or a `BaseNode` class; without `name` under its `@node` name, else under its own.

        Raises `RegistryError` for a name that is taken and for what cannot be a node.
        """
        name = name or marked_name(node) or default_name(node)
        handler = handler_of(node, name)
        self.add(NodeEntry(name, handler.origin, node, lambda: handler))

    def add(self, entry: NodeEntry) -> None:
        """Add a type that is made when it is asked for. Raises `RegistryError` for a name that is taken."""
        if not entry.name.strip() or not entry.name.isprintable():
            raise RegistryError(f"{entry.name!r} ({entry.origin}) cannot be the name of a node")
        if entry.name in self._builtins:
            raise RegistryError(
                f"{entry.origin} is called {entry.name!r}, like a built-in node", hint="give it another name"
            )
        known = self._entries.get(entry.name)
        if known is None:
            self._entries[entry.name] = entry
            self._handlers.pop(entry.name, None)
        elif known.source is not entry.source:
            raise RegistryError(f"node {entry.name!r} is defined twice: {known.origin} and {entry.origin}")

    def merged(self, *others: NodeRegistry) -> NodeRegistry:
        """A new registry with the types of all, the built-in ones of this; complete if one of them is."""
        result = self._copy()
        for other in others:
            result._is_complete = result._is_complete or other._is_complete
            for entry in other._entries.values():
                result.add(entry)
        return result

    def with_builtin_settings(self, settings: BuiltinSettings | None) -> NodeRegistry:
        """The same types, the built-in ones made with `settings`."""
        result = self._copy()
        result._builtins = {entry.name: entry for entry in builtin_entries(settings)}
        return result

    def get(self, name: str) -> Handler:
        """The handler of `name`. Raises `RegistryError`, with the nearest name, if there is none."""
        handler = self._handlers.get(name)
        if handler is not None:
            return handler
        entry = self._find(name)
        if entry is None:
            raise RegistryError(f"no node is called {name!r}", hint=self.hint(name))
        handler = self._handlers[name] = entry.handler
        return handler

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._find(name) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def names(self) -> list[str]:
        """All names in order, the user's first."""
        own = set(self._entries) | set(self._installed_entries())
        return sorted(own - set(self._builtins)) + sorted(self._builtins)

    def parameter_schema(self, name: str) -> JsonSchema | None:
        """The JSON Schema of the type's params; None when it takes anything. `KeyError` if it is unknown."""
        if name not in self:
            raise KeyError(name)
        return self.get(name).params_schema

    def _copy(self) -> NodeRegistry:
        result = NodeRegistry(is_complete=self._is_complete, plugins=self._plugins)
        result._builtins = self._builtins
        result._entries = dict(self._entries)
        return result

    def _find(self, name: str) -> NodeEntry | None:
        known = self._entries.get(name) or self._builtins.get(name)
        return known or self._installed_entries().get(name)

    def _installed_entries(self) -> dict[str, NodeEntry]:
        """What installed packages offer; the user's own nodes and the built-in ones come before them."""
        if self._installed is None:
            self._installed = {}
            for entry in self._plugins() if self._plugins is not None else ():
                other = self._installed.setdefault(entry.name, entry)
                if other is not entry:
                    self._installed[entry.name] = _conflict(other, entry)
        return self._installed

    def hint(self, name: str) -> str:
        """The name that was probably meant, or where the names are listed."""
        from flowcraft_engine.blueprint.nearest import nearest

        near = nearest(name, self.names())
        if near is not None:
            return f"did you mean {near!r}?"
        own = ", ".join(self.names()[: min(8, len(self._entries))])
        return (
            f"the registered nodes are {own}"
            if own
            else "name the module of your nodes: --app shop.nodes, in Python registry=…"
        )


def checked_registry(given: NodeRegistry | None) -> NodeRegistry:
    """The registry that a program has given; one of the built-in types if it gave none. Raises `UsageError`."""
    if given is None:
        return NodeRegistry()
    if not isinstance(given, NodeRegistry):
        raise UsageError(
            f"a NodeRegistry is needed, not a {type(given).__name__}",
            hint='NodeRegistry([node, …]), or NodeRegistry.from_module("shop.nodes")',
        )
    return given


def _conflict(first: NodeEntry, second: NodeEntry) -> NodeEntry:
    """An entry that is an error only for those who use it."""

    def make() -> Handler:
        raise RegistryError(f"node {first.name!r} is defined twice: {first.origin} and {second.origin}")

    return NodeEntry(first.name, first.origin, first, make)


def handler_of(node: Callable[..., Any], name: str) -> Handler:
    """The handler of a function or a `BaseNode` class. Raises `RegistryError` for what cannot be a node."""
    if inspect.isclass(node):
        return class_handler(node, name)
    if not callable(node):
        raise RegistryError(
            f"node {name!r} is a {type(node).__name__}, which cannot be called",
            hint="register a function or a BaseNode class",
        )
    return function_handler(node, name, origin=origin_of(node))


def _registry_of_module(module: ModuleType) -> NodeRegistry:
    marked = [value for value in vars(module).values() if marked_name(value) is not None]
    if marked:
        return NodeRegistry(marked)
    registries = [name for name, value in vars(module).items() if issubclass(type(value), NodeRegistry)]
    hint = f"name it: {module.__name__}:{registries[0]}" if registries else "mark the functions with @node"
    raise RegistryError(f"module {module.__name__!r} defines no nodes", hint=hint)


def _is_node(value: object) -> bool:
    return marked_name(value) is not None


def _call_factory(factory: Any, label: str) -> Any:
    try:
        return factory()
    except RegistryError:
        raise
    except Exception as error:  # the factory is the user's code
        raise RegistryError(f"{label}() failed: {type(error).__name__}: {error}") from error
