"""One job on its way through this process, and who holds its message until it is settled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from flowcraft_engine.stores.job_queue import JobPayload


class Holder(Protocol):
    """Whoever has fetched a message. All of this may be called by any thread."""

    #: The set of what is held, the hash of the messages, the list of what waits: keys of the server.
    keys: Sequence[str]

    def answered(self, message_id: str) -> None:
        """The job needs no place any more that was kept for it."""
        ...

    def settled(self, ids: Sequence[str]) -> None:
        """The server knows what has become of these messages."""
        ...

    def unsettled(self, ids: Sequence[str], *, handed_back: bool) -> None:
        """The server could not be told: to be repeated."""
        ...


@dataclass(slots=True, eq=False)
class Delivery:
    """`handed_back` is set when the job was not looked at here: then another worker shall get it."""

    id: str
    job: JobPayload
    holder: Holder
    handed_back: bool = False
