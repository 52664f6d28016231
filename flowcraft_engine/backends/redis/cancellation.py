"""Calls of redis-py that can be cancelled for sure.

It waits for sockets with `asyncio.wait_for`, which forgets a cancellation that comes in the same turn as what it waits
for (Python 3.11). A task that was told to end once, and goes on, is waited for in vain.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


async def cancellable(call: Awaitable[T]) -> T:
    """The result of `call`; raises `CancelledError` if this task was cancelled meanwhile."""
    task = asyncio.current_task()
    assert task is not None
    before = task.cancelling()
    try:
        result = await call
    except Exception:
        # A time-out or a lost connection in the same turn must not stand for the cancellation either.
        if task.cancelling() > before:
            raise asyncio.CancelledError from None
        raise
    if task.cancelling() > before:
        raise asyncio.CancelledError
    return result
