"""Runs blocking code of a node off the event loop, in a daemon thread that cannot keep the process alive.

Nothing that the code raises gets past the awaiting coroutine as something other than an `Exception`.
"""

from __future__ import annotations

import contextlib
import contextvars
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from flowcraft_engine.errors import NodeError

T = TypeVar("T")


async def call_in_thread(function: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """`function(*args, **kwargs)` in a new daemon thread with the caller's context variables.

    When the awaiting task is cancelled the thread goes on, and its late result is dropped.
    """
    import asyncio  # here, as in `context_buffer`

    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[T] = loop.create_future()
    context = contextvars.copy_context()

    def settle(result: T | None, error: Exception | None) -> None:
        if outcome.done():
            return
        if error is not None:
            outcome.set_exception(error)
        else:
            outcome.set_result(result)  # type: ignore[arg-type]  # None is a T when there is no error

    def run() -> None:
        result: T | None = None
        error: Exception | None = None
        try:
            result = context.run(function, *args, **kwargs)
        except BaseException as raised:  # a node may raise anything; it must only fail its own attempt
            error = as_failure(raised)
        # The loop may be gone when a thread outlives its run: then nobody waits for the result.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=run, name="flowcraft-node", daemon=True).start()
    return await outcome


def as_failure(error: BaseException) -> Exception:
    """`error` itself if a future may carry it; `sys.exit` and its like become a `NodeError` that says so."""
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    if isinstance(error, SystemExit):
        failure = NodeError(f"the node ended the process: sys.exit({error.code!r})")
    else:
        failure = NodeError(": ".join(filter(None, [f"the node raised {type(error).__name__}", str(error)])))
    failure.__cause__ = error
    return failure
