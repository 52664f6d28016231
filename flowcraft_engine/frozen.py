"""Frozen dataclasses, made in a third of the time: there are a hundred of them, and every command makes most."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, Field, FrozenInstanceError, dataclass, field, fields
from typing import Any, TypeVar, dataclass_transform

_Class = TypeVar("_Class", bound=type)


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def frozen(cls: _Class) -> _Class:
    """What `dataclass(frozen=True, slots=True)` makes of `cls`, and a dataclass to all that deals with them.

    `dataclass` compiles each of six methods by itself, from text. Here three are compiled, at once; the others
    are plain functions. An instance is made in half of the time, too: values are set through the slots.
    There is no `__post_init__`, and nothing is keyword-only.
    """
    if hasattr(cls, "__post_init__"):
        raise TypeError(f"{cls.__qualname__}: frozen classes have no __post_init__")
    # Without a docstring `dataclass` writes the signature there, which takes longer than all else.
    cls.__doc__ = cls.__doc__ or cls.__name__
    made: Any = dataclass(init=False, repr=False, eq=False, slots=True)(cls)
    own = fields(made)
    names: dict[str, Any] = {"__FACTORY": MISSING}
    text = _initializer(made, own, names) + _comparison([each.name for each in own if each.compare])
    exec(text, names)  # noqa: S102  # made of the names of fields only
    for name in ("__init__", "__eq__", "__hash__"):
        names[name].__qualname__ = f"{made.__qualname__}.{name}"
    methods = {name: names[name] for name in ("__init__", "__eq__", "__hash__")} | _SHARED
    methods["__repr__"] = _representation([each.name for each in own if each.repr])
    for name in methods.keys() - vars(cls).keys():
        setattr(made, name, methods[name])
    result: _Class = made
    return result


def _initializer(made: type, own: tuple[Field[Any], ...], names: dict[str, Any]) -> str:
    """The text of `__init__`, with what it refers to put into `names`."""
    parameters, lines = ["self"], []
    for each in own:
        name, value = each.name, each.name
        if each.kw_only or not each.init:
            raise TypeError(f"{made.__qualname__}.{name}: fields of frozen classes are given in their order")
        names[f"__set_{name}"] = getattr(made, name).__set__
        if each.default_factory is not MISSING:
            names[f"__make_{name}"] = each.default_factory
            value = f"__make_{name}() if {name} is __FACTORY else {name}"
            parameters.append(f"{name}=__FACTORY")
        elif each.default is not MISSING:
            names[f"__default_{name}"] = each.default
            parameters.append(f"{name}=__default_{name}")
        else:
            parameters.append(name)
        lines.append(f" __set_{name}(self, {value})\n")
    return f"def __init__({', '.join(parameters)}):\n{''.join(lines) or ' pass'}\n"


def _comparison(names: list[str]) -> str:
    own, other = ("".join(f"{it}.{name}," for name in names) for it in ("self", "other"))
    return (
        "def __eq__(self, other):\n"
        f" return ({own}) == ({other}) if other.__class__ is self.__class__ else NotImplemented\n"
        "def __hash__(self):\n"
        f" return hash(({own}))\n"
    )


def _representation(names: list[str]) -> Callable[[Any], str]:
    def __repr__(self: Any) -> str:
        return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"

    return __repr__


def _refuse_to_set(self: Any, name: str, value: object) -> None:
    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(self: Any, name: str) -> None:
    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _state(self: Any) -> list[Any]:
    return [getattr(self, each.name) for each in fields(self)]


def _set_state(self: Any, state: list[Any]) -> None:
    for each, value in zip(fields(self), state, strict=True):
        object.__setattr__(self, each.name, value)


#: The methods that are the same in all classes.
_SHARED = {
    "__setattr__": _refuse_to_set,
    "__delattr__": _refuse_to_delete,
    "__getstate__": _state,
    "__setstate__": _set_state,
}
