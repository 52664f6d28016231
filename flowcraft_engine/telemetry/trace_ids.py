"""The ids of a run's trace, made from the id of the run: every process knows them, and nothing has to be stored."""

from __future__ import annotations

import hashlib
import re

from flowcraft_engine.frozen import frozen

#: At the end of the id of a sub-run that was not the first one of its node.
_FURTHER = re.compile(r"::[^:]+$")


@frozen
class TraceIds:
    """`trace_id` (128 bits) and `span_id` (64 bits) of the run itself, under which all of its attempts are."""

    trace_id: int
    span_id: int

    @classmethod
    def of(cls, run_id: str) -> TraceIds:
        """The same for the same run, everywhere and always. Evenly spread, so that samplers may go by it."""
        digest = hashlib.sha256(b"flowcraft run\0" + run_id.encode("utf-8", "surrogatepass")).digest()
        # Zero would mean that there is no trace.
        return cls(int.from_bytes(digest[:16]) or 1, int.from_bytes(digest[16:24]) or 1)

    def below(self, what: str) -> TraceIds:
        """The ids of something that belongs to the run, in the same trace."""
        digest = hashlib.sha256(f"{self.trace_id:x}.{self.span_id:x}\0{what}".encode()).digest()
        return TraceIds(self.trace_id, int.from_bytes(digest[:8]) or 1)


def parent_run_id(run_id: str) -> str | None:
    """The run that has started this one; None for a run that somebody has started."""
    return _FURTHER.sub("", run_id).rpartition(":")[0] or None
