"""A run state whose last steps can be taken back: for stores that apply a step before they know that it counts.

While a log is open, every instance is noted as it was when somebody first looks it up, and every change of a mapping
as it happens. Whoever changes an instance has looked it up by its name in the same step, so nothing can be changed
without being noted.

The order of instances comes back, too. In the other mappings, whose order says nothing, a key that was taken out and
put back stands last.
"""

from __future__ import annotations

from collections.abc import ItemsView, ValuesView
from operator import attrgetter
from typing import Any

from flowcraft_engine.kernel.commands import ABSENT
from flowcraft_engine.kernel.state import BODY, Instance, RunState

_INSTANCE_SLOTS = Instance.__slots__
_slots_of = attrgetter(*_INSTANCE_SLOTS)
_MAPPINGS = frozenset({"context", "early", "instances", "touched", "waiting"})
_SCALARS = tuple(slot for slot in RunState.__slots__ if slot not in _MAPPINGS)
_scalars_of = attrgetter(*_SCALARS)


class _Remembered:
    """An instance as it was. `arrivals`, `values` and the passes of a loop only ever grow: their length is enough."""

    __slots__ = ("again", "arrivals", "batch", "instance", "passes", "slots", "values")

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.slots = _slots_of(instance)
        self.arrivals = len(instance.arrivals) if instance.arrivals is not None else 0
        self.values = len(instance.values) if instance.values is not None else 0
        self.passes = len(_passes_of(instance) or ())
        batch = instance.batch
        self.batch = (batch.cursor, batch.active, batch.failed) if batch is not None else None
        self.again = list(batch.again) if batch is not None else []

    def restore(self) -> None:
        instance = self.instance
        for slot, value in zip(_INSTANCE_SLOTS, self.slots, strict=True):
            setattr(instance, slot, value)
        _shorten(instance.arrivals, self.arrivals)
        _shorten(instance.values, self.values)
        _shorten(_passes_of(instance), self.passes)
        if instance.batch is not None and self.batch is not None:
            instance.batch.cursor, instance.batch.active, instance.batch.failed = self.batch
            instance.batch.again = self.again


def _passes_of(instance: Instance) -> dict[str, Any] | None:
    """What a waiting loop controller has kept of its passes."""
    wait: Any = instance.wait
    return wait["outputs"] if wait is not None and wait["kind"] == BODY else None


def _shorten(mapping: dict[str, Any] | None, length: int) -> None:
    while mapping is not None and len(mapping) > length:
        mapping.popitem()


class _Instances(dict[str, Instance]):
    """Notes whom somebody looks up. `log` is None while nothing is to be taken back."""

    __slots__ = ("log", "whole")

    def __init__(self) -> None:
        super().__init__()
        self.log: dict[str, _Remembered | None] | None = None
        #: All instances, once one of them was replaced or removed: a generation has begun.
        self.whole: list[tuple[str, Instance]] | None = None

    def get(self, name: str, default: Any = None) -> Any:
        instance = dict.get(self, name)
        if instance is None:
            return default
        if self.log is not None and name not in self.log:
            self.log[name] = _Remembered(instance)
        return instance

    def __getitem__(self, name: str) -> Instance:
        instance = dict.__getitem__(self, name)
        if self.log is not None and name not in self.log:
            self.log[name] = _Remembered(instance)
        return instance

    def __setitem__(self, name: str, instance: Instance) -> None:
        if name in self:
            self._remember_whole()
        elif self.log is not None and name not in self.log:
            self.log[name] = None
        dict.__setitem__(self, name, instance)

    def __delitem__(self, name: str) -> None:
        self._remember_whole()
        dict.__delitem__(self, name)

    def _remember_whole(self) -> None:
        if self.log is not None and self.whole is None:
            self._remember_all()
            self.whole = [(name, it) for name, it in dict.items(self) if self.log[name] is not None]

    def values(self) -> ValuesView[Instance]:  # type: ignore[override]  # that of dict has no public name
        self._remember_all()
        return dict.values(self)

    def items(self) -> ItemsView[str, Instance]:  # type: ignore[override]  # that of dict has no public name
        self._remember_all()
        return dict.items(self)

    def _remember_all(self) -> None:
        if self.log is not None:
            for name, instance in dict.items(self):
                if name not in self.log:
                    self.log[name] = _Remembered(instance)

    def restore(self, log: dict[str, _Remembered | None]) -> None:
        whole, self.whole = self.whole, None
        if whole is not None:
            dict.clear(self)
            dict.update(self, whole)
        for name, remembered in reversed(log.items()):
            if remembered is not None:
                remembered.restore()
            elif whole is None:
                dict.__delitem__(self, name)


class _Values(dict[str, Any]):
    """Notes what each key held. Only the changes that `fold.py` makes are known here: set, update, pop, clear."""

    __slots__ = ("log",)

    def __init__(self) -> None:
        super().__init__()
        self.log: list[tuple[str, Any]] | None = None

    def __setitem__(self, key: str, value: Any) -> None:
        self._note(key)
        dict.__setitem__(self, key, value)

    def pop(self, key: str, *default: Any) -> Any:
        self._note(key)
        return dict.pop(self, key, *default)

    def update(self, values: dict[str, Any]) -> None:  # type: ignore[override]  # as `fold.py` calls it
        for key, value in values.items():
            self[key] = value

    def clear(self) -> None:
        for key in self:
            self._note(key)
        dict.clear(self)

    def _note(self, key: str) -> None:
        if self.log is not None:
            self.log.append((key, dict.get(self, key, ABSENT)))

    def restore(self, log: list[tuple[str, Any]]) -> None:
        for key, value in reversed(log):
            if value is ABSENT:
                dict.pop(self, key, None)
            else:
                dict.__setitem__(self, key, value)


class UndoableState:
    """Makes the state of a run that can go back to where `begin` was called last."""

    def __init__(self, run_id: str) -> None:
        self.state = state = RunState(run_id)
        self._instances = _Instances()
        self._mappings = (_Values(), _Values(), _Values())
        state.instances = self._instances
        state.context, state.early, state.waiting = self._mappings
        self._scalars: tuple[Any, ...] = ()

    def begin(self) -> None:
        """From here on, what changes can be taken back."""
        self._scalars = _scalars_of(self.state)
        self._instances.log, self._instances.whole = {}, None
        for mapping in self._mappings:
            mapping.log = []

    def keep(self) -> None:
        """What has changed since `begin` counts."""
        self._instances.log = None
        for mapping in self._mappings:
            mapping.log = None

    def undo(self) -> None:
        """Be as `begin` found it."""
        state = self.state
        instances, logs = self._instances.log, [mapping.log for mapping in self._mappings]
        self.keep()
        for slot, value in zip(_SCALARS, self._scalars, strict=True):
            setattr(state, slot, value)
        state.touched.clear()
        if instances is not None:
            self._instances.restore(instances)
        for mapping, log in zip(self._mappings, logs, strict=True):
            mapping.restore(log or [])
