"""Replacements: what stands in for a node in a test, and what it was called with."""

from __future__ import annotations

import difflib
import inspect
import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

from flowcraft_engine.blueprint.model import Blueprint, NodeSpec
from flowcraft_engine.errors import UsageError
from flowcraft_engine.frozen import frozen
from flowcraft_engine.nodes.entry import NodeEntry
from flowcraft_engine.nodes.handler import Handler
from flowcraft_engine.nodes.node_context import NodeContext
from flowcraft_engine.nodes.registry import NodeRegistry, handler_of

#: A node id, or the id of a sub-run's blueprint and a node of that.
Key: TypeAlias = str | tuple[str, str]


@frozen
class Call:
    """One attempt of a replaced node, with what it was given."""

    instance: str
    attempt: int
    input: Any
    params: dict[str, Any]
    run_id: str


class InTurn:
    """Gives one thing after the other; the last one again and again."""

    def __init__(self, values: tuple[Any, ...]) -> None:
        self._values = itertools.chain(values, itertools.repeat(values[-1]))

    def next(self) -> Any:
        return next(self._values)


def in_turn(first: Any, *more: Any) -> InTurn:
    """A replacement that gives `first`, then the others, one for each call; the last one from then on.

    An exception is raised, anything else is the result: `in_turn(TimeoutError(), {"ok": True})` fails once.
    """
    return InTurn((first, *more))


class Replacements:
    """What replaces which nodes. `calls` has each replaced node's attempts, by the same key."""

    def __init__(self, given: Mapping[Key, Any]) -> None:
        self._given = dict(given)
        self.calls: dict[Key, list[Call]] = {key: [] for key in given}

    def check(self, top: Blueprint, others: Iterable[Blueprint]) -> None:
        """Raises `UsageError` for a node that no blueprint has: a typing error must not pass as a green test."""
        known: list[Key] = [node.id for node in top.nodes]
        known += [(child.id, node.id) for child in others for node in child.nodes]
        for key in self._given:
            if key not in known:
                names = [it for it in known if isinstance(it, type(key))]
                near = difflib.get_close_matches(str(key), map(str, names), n=1)
                raise UsageError(
                    f"{key!r} cannot be replaced: there is no such node",
                    hint=f"did you mean {near[0]}?" if near else None,
                )

    def apply(self, blueprint: Blueprint, registry: NodeRegistry, *, is_top: bool) -> Blueprint:
        """The blueprint with other node types where something is replaced; the types go into `registry`."""
        nodes = tuple(self._node(blueprint, node, registry, is_top=is_top) for node in blueprint.nodes)
        if nodes == blueprint.nodes:
            return blueprint
        changed = blueprint.model_copy(update={"nodes": nodes})
        return changed.with_locations(blueprint.locations, blueprint.folder)

    def _node(
        self, blueprint: Blueprint, node: NodeSpec, registry: NodeRegistry, *, is_top: bool
    ) -> NodeSpec:
        key: Key = node.id if is_top and node.id in self._given else (blueprint.id, node.id)
        if key not in self._given:
            return node
        if node.loop is not None:
            raise UsageError(f"{key!r} is a loop: replace the nodes of its body")
        name = f"replaced:{blueprint.id}/{node.id}"
        handler = self._handler(key, name)
        registry.add(NodeEntry(name, "a test", handler, lambda: handler))
        return node.model_copy(update={"uses": name})

    def _handler(self, key: Key, name: str) -> Handler:
        value = self._given[key]
        handler = _handler_of(value, name)
        call = handler.call

        def recorded(ctx: NodeContext) -> Any:
            self.calls[key].append(Call(ctx.instance, ctx.attempt, ctx.input, dict(ctx.params), ctx.run_id))
            return call(ctx)

        return replace(handler, call=recorded)


def _handler_of(value: Any, name: str) -> Handler:
    """Functions and `BaseNode` classes are nodes as they are; exceptions are raised, all else is returned."""
    is_error_class = inspect.isclass(value) and issubclass(value, BaseException)
    if callable(value) and not is_error_class:
        return handler_of(value, name)
    give: Callable[[], Any] = value.next if isinstance(value, InTurn) else lambda: value

    async def call(ctx: NodeContext) -> Any:
        given = give()
        if isinstance(given, BaseException) or (inspect.isclass(given) and issubclass(given, BaseException)):
            raise given
        return given

    return Handler(name=name, call=call, is_async=True)
