"""How much the consumers of this process may take now. Shared by threads."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from threading import Event


@dataclass(slots=True, eq=False)
class Hands:
    """What one consumer holds. `changed` is set whenever it may be allowed to take more, or less."""

    held: Collection[str]
    changed: Event = field(default_factory=Event)


class Intake:
    """`room` tells how many more jobs the process has places for; without it, only the prefetch limits."""

    def __init__(self, room: Callable[[], int] | None = None) -> None:
        self._room = room
        self._hands: tuple[Hands, ...] = ()
        self.paused = False
        self.stopped = False

    @property
    def closed(self) -> bool:
        return self.paused or self.stopped

    def join(self, held: Collection[str]) -> Hands:
        hands = Hands(held)
        self._hands = (*self._hands, hands)
        return hands

    def quit(self, hands: Hands) -> None:
        self._hands = tuple(other for other in self._hands if other is not hands)

    def free(self, hands: Hands, limit: int) -> int:
        """How many more messages may be taken into these hands, which may hold `limit`."""
        if self.closed:
            return 0
        free = limit - len(hands.held)
        if self._room is not None:
            free = min(free, self._room() - sum(len(other.held) for other in self._hands))
        return free

    def nudge(self) -> None:
        """Let the consumers look again."""
        for hands in self._hands:
            hands.changed.set()
