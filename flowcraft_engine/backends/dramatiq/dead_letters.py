"""Messages that nobody can read, kept to be looked at: a capped stream, the oldest fall out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from flowcraft_engine.frozen import frozen

CAPACITY: Final = 10_000
HEAD_BYTES: Final = 2048


@frozen
class DeadLetter:
    """`head` is the beginning of what arrived, `size` the length of all of it, `at` seconds since the epoch."""

    id: str
    queue: str
    reason: str
    size: int
    head: bytes
    at: float


def entry(queue: str, reason: str, data: bytes, at_ms: int) -> dict[Any, Any]:
    """The fields of a dead letter, for XADD."""
    return {"queue": queue, "reason": reason, "size": len(data), "head": data[:HEAD_BYTES], "at": at_ms}


def letter(entry_id: bytes, fields: Mapping[bytes, bytes]) -> DeadLetter:
    """A dead letter from an entry of the stream."""
    return DeadLetter(
        id=entry_id.decode(),
        queue=fields[b"queue"].decode(errors="replace"),
        reason=fields[b"reason"].decode(errors="replace"),
        size=int(fields[b"size"]),
        head=fields[b"head"],
        at=int(fields[b"at"]) / 1000,
    )
