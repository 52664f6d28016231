"""`@node` marks a function or class as a node type. It only marks: a registry is told of it by its owner."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, overload

from flowcraft_engine.errors import RegistryError

T = TypeVar("T")
_MARK = "__flowcraft_node__"


@overload
def node(name: str) -> Callable[[T], T]: ...
@overload
def node(name: T) -> T: ...
def node(name: Any) -> Any:
    """Mark a function or a `BaseNode` class, and return it unchanged: unit tests call it as it is.

    `@node("charge-card")` names the type; `@node` alone takes the name of the function.

    >>> @node("double")
    ... def double(input: int) -> int:
    ...     return input * 2
    >>> double(21)
    42
    """
    if isinstance(name, str):
        return lambda target: _mark(target, name)
    return _mark(name, default_name(name))


def marked_name(target: object) -> str | None:
    """The name given by `@node`; None for what is not marked. A subclass does not inherit the mark."""
    try:
        # Not getattr: what a module holds may be a proxy that answers for something else, or refuses to.
        mark = object.__getattribute__(target, "__dict__").get(_MARK)
    except AttributeError:
        return None
    return mark if isinstance(mark, str) else None


def default_name(target: object) -> str:
    """The name of a function or class. Raises `RegistryError` for what has none, like a lambda."""
    name = getattr(target, "__name__", "")
    if not name or name == "<lambda>":
        raise RegistryError(
            f"{target!r} has no name of its own", hint='name it: register(function, name="charge-card")'
        )
    return str(name)


def _mark(target: T, name: str) -> T:
    if not callable(target):
        raise RegistryError(f"@node marks functions and classes, not {type(target).__name__} {target!r}")
    try:
        setattr(target, _MARK, name)
    except (AttributeError, TypeError):
        raise RegistryError(
            f"@node cannot mark {target!r}", hint="give it to a registry: register(function, name=...)"
        ) from None
    return target
