"""Names in the broker's database: Dramatiq's own layout under our prefix, and what we keep beside it."""

from __future__ import annotations

import re
from typing import Final

from flowcraft_engine.errors import UsageError
from flowcraft_engine.frozen import frozen

ACTOR: Final = "flowcraft.run_node"
DEFAULT_QUEUE: Final = "default"

_QUEUE = re.compile(r"[A-Za-z_][A-Za-z0-9._-]{0,127}")
#: Endings by which Dramatiq tells its own keys from ours.
_RESERVED = (".DQ", ".XQ", ".msgs")


@frozen
class Layout:
    """The keys of one fleet. `namespace` is the prefix that the fleet uses everywhere."""

    namespace: str = "flowcraft"

    @property
    def prefix(self) -> str:
        """What Dramatiq calls its namespace."""
        return f"{self.namespace}:queue"

    @property
    def heartbeats(self) -> str:
        return f"{self.prefix}:__heartbeats__"

    @property
    def dead_letters(self) -> str:
        return f"{self.prefix}:__dead__"

    def ids(self, queue: str) -> str:
        """The list of the ids that wait, the oldest first."""
        return f"{self.prefix}:{queue}"

    def messages(self, queue: str) -> str:
        """The hash of the messages by id: those that wait and those that are fetched."""
        return f"{self.prefix}:{queue}.msgs"

    def held(self, consumer: str, queue: str) -> str:
        """The set of the ids that one consumer has fetched and not yet acknowledged."""
        return f"{self.prefix}:__acks__.{consumer}.{queue}"


def checked_queue(name: str) -> str:
    """The name itself, if Dramatiq and its keys can bear it."""
    if not _QUEUE.fullmatch(name) or name.startswith("__") or name.endswith(_RESERVED):
        raise UsageError(
            f"{name!r} cannot be the name of a queue",
            hint="letters, digits, '-', '_' and '.' are allowed, 128 characters at most",
        )
    return name
