"""How much the consumers of this process may take now. Shared by threads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Event, Lock


@dataclass(slots=True, eq=False)
class Hands:
    """What one consumer holds, by id; `open` is what nobody has looked at yet, so that it may need a place.

    `changed` is set whenever the consumer may be allowed to take more, or less. It `wants_room` while it waits for
    nothing but a place.
    """

    held: set[str] = field(default_factory=set)
    open: set[str] = field(default_factory=set)
    wants_room: bool = False
    changed: Event = field(default_factory=Event)


class Intake:
    """`room` tells how many more jobs the process has places for; without it, only the prefetch limits."""

    def __init__(self, room: Callable[[], int] | None = None) -> None:
        self._room = room
        #: A new tuple at each change, so that it can be looked through at any time.
        self._hands: tuple[Hands, ...] = ()
        self._lock = Lock()
        self.paused = False
        self.stopped = False

    @property
    def closed(self) -> bool:
        return self.paused or self.stopped

    def join(self) -> Hands:
        hands = Hands()
        with self._lock:
            self._hands = (*self._hands, hands)
        return hands

    def quit(self, hands: Hands) -> None:
        with self._lock:
            self._hands = tuple(other for other in self._hands if other is not hands)

    def free(self, hands: Hands, limit: int) -> int:
        """How many more messages may be taken into these hands, which may hold `limit`.

        Less than none if others have filled the places while these took something.
        """
        if self.closed:
            return 0
        free = limit - len(hands.held)
        if self._room is not None:
            free = min(free, self._room() - sum(len(other.open) for other in self._hands))
        return free

    def wake_all(self) -> None:
        """Let the consumers look again, whatever they wait for."""
        for hands in self._hands:
            hands.changed.set()

    def room_grew(self) -> None:
        """Let the consumers look again that wait for a place."""
        for hands in self._hands:
            if hands.wants_room:
                hands.changed.set()
