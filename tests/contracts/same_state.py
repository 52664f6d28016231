"""Compares run states over all of their slots, whether they were folded live or read back from JSON."""

from __future__ import annotations

from typing import Any

from flowcraft_engine.kernel.commands import ABSENT
from flowcraft_engine.kernel.event import Event
from flowcraft_engine.kernel.state import Batch, Instance, RunState

_PARTS = (RunState, Instance, Batch)


def plain(value: Any) -> Any:
    """A value as JSON would give it back; objects of the state as mappings of all their slots."""
    if isinstance(value, _PARTS):
        return {slot: plain(getattr(value, slot)) for slot in type(value).__slots__}
    if value is ABSENT:
        return "<absent>"
    if isinstance(value, dict):
        # As a list: the order of instances is part of the state, too.
        return [[str(key), plain(item)] for key, item in value.items()]
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return str(value) if isinstance(value, str) else value


def plain_events(events: list[Event]) -> list[Any]:
    return [plain(tuple(event)) for event in events]


def differences(left: RunState, right: RunState) -> list[str]:
    """One line for each slot in which the two differ; empty for the same state."""
    found = _compare("run", left, right, skip={"instances", "waiting"})
    if list(left.instances) != list(right.instances):
        found.append(f"instances: {list(left.instances)} != {list(right.instances)}")
    for name in left.instances.keys() & right.instances.keys():
        found += _compare(name, left.instances[name], right.instances[name])
    if list(left.waiting) != list(right.waiting):
        found.append(f"waiting: {list(left.waiting)} != {list(right.waiting)}")
    found += [f"waiting: {name} is not its instance" for name in left.waiting if not _is_own(left, name)]
    return found


def assert_same_state(left: RunState, right: RunState) -> None:
    assert differences(left, right) == []


def _is_own(state: RunState, name: str) -> bool:
    return state.waiting[name] is state.instances[name]


def _compare(where: str, left: Any, right: Any, skip: set[str] | None = None) -> list[str]:
    return [
        f"{where}.{slot}: {getattr(left, slot)!r} != {getattr(right, slot)!r}"
        for slot in type(left).__slots__
        if slot not in (skip or ()) and plain(getattr(left, slot)) != plain(getattr(right, slot))
    ]
