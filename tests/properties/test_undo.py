"""A state that can be taken back: whatever was done to it, it is afterwards as it was; and what is kept is kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flowcraft_engine.kernel.event import Event
from flowcraft_engine.kernel.fold import apply, extend, replay
from flowcraft_engine.kernel.state import Instance, RunState
from flowcraft_engine.kernel.transitions import Transition
from flowcraft_engine.kernel.undo import UndoableState
from tests.contracts.same_state import plain
from tests.properties.test_kernel_machine import KernelMachine, misfortune

#: Mappings whose order says nothing; a key that was taken out and put back stands last.
_WITHOUT_ORDER = ("waiting", "context", "early")


def all_of(state: RunState) -> dict[str, Any]:
    """Every slot of a run and of its instances, and the order of the instances."""
    found = {slot: plain(getattr(state, slot)) for slot in RunState.__slots__ if slot != "instances"}
    for slot in _WITHOUT_ORDER:
        found[slot] = sorted(map(repr, found[slot]))
    found["instances"] = [
        (name, {slot: plain(getattr(it, slot)) for slot in Instance.__slots__})
        for name, it in state.instances.items()
    ]
    return found


class UndoMachine(KernelMachine):
    """Beside the run itself: the same run on a state that goes back and forth before it follows."""

    def __init__(self) -> None:
        super().__init__()
        self.undoable = UndoableState("run")
        self.followed = 0

    def step(self, command: Callable[[Transition], Any]) -> Any:
        result = super().step(command)
        if self.random.random() < 0.5:
            self.follow()
        return result

    def follow(self) -> None:
        news, shadow = self.events[self.followed :], self.undoable
        self.followed = len(self.events)
        before = all_of(shadow.state)
        shadow.begin()
        self.do_some(news[: self.random.randint(0, len(news))])
        shadow.undo()
        assert all_of(shadow.state) == before
        shadow.begin()
        extend(self.plan, shadow.state, news)
        shadow.keep()
        told = replay(self.plan, "run", self.events)
        assert all_of(shadow.state) == all_of(told)

    def do_some(self, events: list[Event]) -> None:
        """As a transition does: what is touched stays touched, and everything is looked at now and then."""
        state = self.undoable.state
        for event in events:
            apply(self.plan, state, event)
            if self.random.random() < 0.1:
                assert len(list(state.instances.values())) == len(state.instances)


@pytest.mark.parametrize("seed", range(0, 200, 25))
def test_undo_restores_and_keep_keeps_on_random_walks(seed: int) -> None:
    for number in range(seed, seed + 25):
        machine = UndoMachine()
        machine.start(number)
        for _ in range(25):
            machine.work()
            misfortune(machine, machine.random)
            if machine.state.is_final:
                break
        machine.follow()
