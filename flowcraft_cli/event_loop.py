"""The event loop of a process of ours, whose end waits for nothing that nodes have left."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

from flowcraft_cli.interruption import NODE_THREADS

#: What is left at the end has this time to heed its cancellation.
_LAST_MOMENT_S = 0.5


def new_runner() -> asyncio.Runner:
    """To be closed by `close`."""
    return asyncio.Runner(loop_factory=_new_loop)


def close(runner: asyncio.Runner) -> None:
    """Cancel what is left. A loop with something that does not heed that stays open: closing it would wait."""
    if _all_have_ended(runner.get_loop()):
        runner.close()


def _new_loop() -> asyncio.AbstractEventLoop:
    loop = asyncio.new_event_loop()
    loop.set_default_executor(_Threads(thread_name_prefix=NODE_THREADS))
    return loop


class _Threads(ThreadPoolExecutor):
    """Threads of `asyncio.to_thread`. Nobody waits for those that nodes have left: they end with the process."""

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        super().shutdown(wait=False, cancel_futures=True)


def _all_have_ended(loop: asyncio.AbstractEventLoop) -> bool:
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    if left:
        _, left = loop.run_until_complete(asyncio.wait(left, timeout=_LAST_MOMENT_S))
    return not left
