from __future__ import annotations

import asyncio
import contextvars
import threading

import pytest

from flowcraft_engine.errors import NodeError
from flowcraft_engine.nodes.node_thread import call_in_thread

pytestmark = pytest.mark.asyncio
_variable: contextvars.ContextVar[str] = contextvars.ContextVar("_variable", default="unset")


def raise_(error: BaseException) -> None:
    raise error


async def test_thread_sees_the_context_variables_of_its_caller():
    _variable.set("seen")
    assert await call_in_thread(_variable.get) == "seen"


async def test_thread_is_a_daemon():
    assert await call_in_thread(lambda: threading.current_thread().daemon)


async def test_errors_are_raised_as_they_are():
    with pytest.raises(KeyError):
        await call_in_thread(raise_, KeyError("k"))


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (SystemExit(3), r"sys\.exit\(3\)"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        (asyncio.CancelledError(), "CancelledError"),
        (StopIteration(1), "StopIteration"),
        (GeneratorExit(), "GeneratorExit"),
    ],
)
async def test_what_would_end_the_loop_becomes_a_failure_of_the_node(error, message):
    with pytest.raises(NodeError, match=message):
        await call_in_thread(raise_, error)


async def test_endless_recursion_is_a_failure():
    def forever():
        return forever()

    with pytest.raises(RecursionError):
        await call_in_thread(forever)


async def test_late_result_of_a_cancelled_call_is_dropped():
    started, release = threading.Event(), threading.Event()

    def work():
        started.set()
        release.wait(5)

    task = asyncio.ensure_future(call_in_thread(work))
    while not started.is_set():
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    release.set()
    for thread in threading.enumerate():
        if thread.name == "flowcraft-node":
            thread.join(5)
    await asyncio.sleep(0)
