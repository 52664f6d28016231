"""The one `asyncio.run` of the command line: executes a run under signals, a time limit and a watcher."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, TypeVar

from flowcraft_cli.ending import Ending
from flowcraft_cli.event_loop import close, new_runner
from flowcraft_cli.interruption import SIGNALS, Interruption, exit_code_of, word_of
from flowcraft_cli.manner import Manner
from flowcraft_cli.output import emit_json_at_once, tell
from flowcraft_cli.watching.watcher import Watcher

if TYPE_CHECKING:
    from flowcraft_engine.runtime.flow_runtime import FlowRuntime
    from flowcraft_engine.stores.coordination_store import CoordinationStore

T = TypeVar("T")
#: What a second signal leaves for killing children and handing back claims.
_LAST_MOMENT_S = 0.5
_NOTICE = "{}: what runs is ended and handed back; once more to stop at once"
_HINT = "flowcraft reconcile @latest goes on with a kept run"


def run_async(work: Coroutine[Any, Any, T]) -> T:
    """The edge between the synchronous command line and the engine."""
    if not gc.isenabled():
        keep_for_good()
        gc.enable()
    runner = new_runner()
    try:
        return runner.run(work)
    finally:
        close(runner)


def keep_for_good() -> None:
    """What is loaded by now stays: the collector need not look at it again and again."""
    gc.freeze()


class Interrupter:
    """The first signal cancels the work, which hands back what runs; the second one ends the process now."""

    def __init__(self, *, json: bool, notice: str | None = _NOTICE, hint: str = _HINT) -> None:
        """`notice` is told at the first signal (`{}`: what happens), `hint` at the second."""
        self.signal: int | None = None
        self._json = json
        self._notice = notice
        self._hint = hint
        self._task: asyncio.Task[Any] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._was_heard = False

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        self._task, self._loop = asyncio.current_task(), asyncio.get_running_loop()
        before = {number: signal.signal(number, self._on_signal) for number in SIGNALS if _is_ours(number)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def end_cancellation(self) -> bool:
        """Let the task go on after a cancellation that a signal has caused. False if it was somebody else's."""
        if self.signal is None:
            return False
        assert self._task is not None
        self._task.uncancel()
        return True

    def interruption(self) -> Interruption:
        """What a command ends with whose run had not begun when it was interrupted."""
        return Interruption(self.signal or signal.SIGINT)

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        assert self._loop is not None
        if self.signal is None:
            self.signal = number
            self._loop.call_soon_threadsafe(self._cancel)
        elif self._was_heard:
            self._loop.call_soon_threadsafe(self._cancel_everything)
        else:  # a node blocks the event loop
            self._end_now()

    def _cancel(self) -> None:
        self._was_heard = True
        word = "interrupting" if self.signal == signal.SIGINT else "terminating"
        if self._notice is not None:
            tell(self._notice.format(word))
        if self._task is not None:
            self._task.cancel()

    def _cancel_everything(self) -> None:
        assert self._loop is not None
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.call_later(_LAST_MOMENT_S, self._end_now)

    def _end_now(self) -> None:
        number = self.signal or signal.SIGINT
        _kill_children()
        if self._json:
            error = {"code": word_of(number), "message": "stopped at once", "hint": self._hint}
            emit_json_at_once({"schema": 1, "error": error})
        else:
            tell(f"stopped at once; {self._hint}")
        os._exit(exit_code_of(number))


def _kill_children() -> None:
    """Kill the process groups of all children, where the system lists them."""
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError, ValueError):
            parent, group = entry.read_text(errors="replace").rpartition(")")[2].split()[1:3]
            if int(parent) == os.getpid() and int(group) != os.getpgid(0):
                os.killpg(int(group), signal.SIGKILL)


def _is_ours(number: int) -> bool:
    import threading

    is_main = threading.current_thread() is threading.main_thread()
    return is_main and signal.getsignal(number) != signal.SIG_IGN


async def execute(
    runtime: FlowRuntime,
    begin: Callable[[], Awaitable[str]],
    manner: Manner,
    *,
    watcher: Watcher,
    where: str | None,
    reference: str | None = None,
) -> Ending:
    """Begin something with a run and execute it as far as it goes."""
    from flowcraft_engine.nodes.node_output import tapped_streams

    interrupter = Interrupter(json=manner.json)
    loop = asyncio.get_running_loop()
    run_id: str | None = None
    timed_out = False
    runtime.store.subscribe(watcher.on_events)
    async with interrupter.listening():
        started = loop.time()
        try:
            run_id = await begin()
            async with watcher:
                with tapped_streams(as_log=True):
                    await runtime.proceed(run_id, timeout_s=manner.timeout_s)
            timed_out = manner.timeout_s is not None and loop.time() - started >= manner.timeout_s
        except asyncio.CancelledError:
            if not interrupter.end_cancellation():
                raise
        if run_id is None:
            raise interrupter.interruption()
        result = await runtime.show(run_id)
    if not result.is_final and result.status == "running":
        result = replace(result, status="interrupted")
    return Ending(result, interrupter.signal, timed_out, where, reference=reference)


@asynccontextmanager
async def closing(store: CoordinationStore) -> AsyncIterator[CoordinationStore]:
    """Close the store at the end, whatever happens."""
    try:
        yield store
    finally:
        await store.close()
