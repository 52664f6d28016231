"""Tasks of the engine: they begin in a later turn of the event loop, whatever the application wants of its own.

With `asyncio.eager_task_factory` (Python 3.12) a task may be over before whoever makes it has put it down.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def new_task(work: Coroutine[Any, Any, T], loop: asyncio.AbstractEventLoop | None = None) -> asyncio.Task[T]:
    """A task of `loop`, by default the running one. Made without the loop's task factory, which may be eager."""
    return asyncio.Task(work, loop=loop or asyncio.get_running_loop())
