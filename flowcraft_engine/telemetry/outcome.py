"""How the call of a node ended, in one word of a few: what spans and metrics are told apart by."""

from __future__ import annotations

import asyncio
from typing import Any, Final

from flowcraft_engine.nodes.node_context import NodeContext
from flowcraft_engine.nodes.result import Sleep, StartRun, Wait

COMPLETED: Final = "completed"
#: It waits for an answer, for a time or for a sub-run, and holds no worker meanwhile.
SUSPENDED: Final = "suspended"
FAILED: Final = "failed"
TIMED_OUT: Final = "timed_out"
#: The worker ended, or the run did. That is no failure, and costs no attempt.
INTERRUPTED: Final = "interrupted"

_SUSPENSIONS = frozenset({Wait, Sleep, StartRun})


def outcome_of_value(value: Any) -> str:
    return SUSPENDED if type(value) in _SUSPENSIONS else COMPLETED


def outcome_of_error(error: BaseException, ctx: NodeContext) -> str:
    """A time-out reaches a middleware as a cancellation that nobody has given a reason for yet."""
    if not isinstance(error, asyncio.CancelledError):
        return FAILED
    if ctx.signal.is_set:
        return INTERRUPTED
    task = asyncio.current_task()
    # A node may raise `CancelledError` by itself.
    return TIMED_OUT if task is not None and task.cancelling() > 0 else FAILED
