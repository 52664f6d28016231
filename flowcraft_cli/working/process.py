"""One process of a worker, from its start until it is told to end."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from flowcraft_cli.event_loop import close, new_runner
from flowcraft_cli.interruption import NODE_THREADS
from flowcraft_cli.working.equipment import equip
from flowcraft_cli.working.log import log_to_stderr, say
from flowcraft_cli.working.order import WorkOrder
from flowcraft_cli.working.shortcomings import tell_shortcomings
from flowcraft_cli.working.telemetry import WorkerTelemetry
from flowcraft_engine.distributed.seat import WorkerSeat
from flowcraft_engine.nodes.node_output import tapped_streams
from flowcraft_engine.nodes.node_thread import call_in_thread

if TYPE_CHECKING:
    from flowcraft_engine.distributed.adapter import BaseDistributedAdapter
    from flowcraft_engine.values.masking import Masker

#: Of the grace this share is for nodes to end by themselves; the rest is for handing back what did not.
_SHARE_OF_NODES = 0.5
_MOST_FOR_HANDING_BACK_S = 5.0
#: The supervisor kills when the grace is over; this process ends by itself before.
_BEFORE_THE_KILL_S = 1.0
#: The same for a process that shall end at once: it has two seconds in all.
_HURRIED_S = 1.2
_LAST_MOMENT_S = 0.2


def work(order: WorkOrder, seat: WorkerSeat) -> None:
    """Execute jobs until the seat is told to stop."""
    spare_the_collector()
    hide = log_to_stderr(order.settings, verbose=order.verbose, name=seat.name)
    has_ended = False

    async def to_the_end() -> None:
        nonlocal has_ended
        try:
            await _work(order, seat, hide)
        finally:
            has_ended = True

    # What nodes print is kept for `logs`, and secrets in it are masked on this screen, too.
    with tapped_streams():
        runner = new_runner()
        try:
            runner.run(to_the_end())
        except BaseException as error:
            if has_ended and not isinstance(error, asyncio.CancelledError):
                raise
            # A task of a node that raised SystemExit, say. Nothing of ours can be relied on: whoever tidied up here
            # might wait for ever, and keep the lease of all that is executed. So this ends like any crash.
            why = repr(error)
            say(f"warning: worker {seat.name} dies: a node, or what it began, ended the event loop: {why}")
            os._exit(1)
        close(runner)
    if any(thread.name.startswith(NODE_THREADS) for thread in threading.enumerate()):
        seat.leave()


def spare_the_collector() -> None:
    """What is loaded by now stays, and the states of runs are no garbage while these go on: look less often.

    With Python's thresholds the collector takes a tenth of the time, more the longer a run is.
    """
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)


async def _work(order: WorkOrder, seat: WorkerSeat, hide: Callable[[Masker], None]) -> None:
    from flowcraft_engine.assembly.fleet import make_worker

    loop, stopping, hurrying = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()

    def stop_soon() -> None:
        loop.call_soon_threadsafe(stopping.set)

    def end_now() -> None:
        loop.call_soon_threadsafe(hurrying.set)

    seat.on_stop(stop_soon)
    seat.on_hurry(end_now)
    equipment = equip(order)
    if seat.index == 0 and not seat.is_first:  # at the first start this was told before there was a process
        tell_shortcomings(order, equipment)
    telemetry = WorkerTelemetry(order, seat.index)
    adapter = make_worker(
        order.settings,
        order.worker,
        equipment.registry,
        blueprints=equipment.blueprints,
        name=seat.name,
        middleware=telemetry.middleware,
        observer=telemetry.observer,
    )
    hide(adapter.masker)
    telemetry.serve(adapter)
    try:
        await _work_until(stopping, hurrying, adapter, seat)
    finally:
        # Not in a thread of `asyncio.to_thread`: nodes may have left something in all of these.
        await call_in_thread(telemetry.close)


async def _work_until(
    stopping: asyncio.Event, hurrying: asyncio.Event, adapter: BaseDistributedAdapter, seat: WorkerSeat
) -> None:
    loop = asyncio.get_running_loop()
    stop = loop.create_task(stopping.wait())
    if not await _has_started(adapter, stop):
        return
    say(f"worker {seat.name} is ready")
    seat.tell_ready()
    await stop
    say(f"worker {seat.name} ends what it executes")
    # Without Redis nothing can be handed back: the lease runs out, and others find what was left.
    ending, hurry = loop.create_task(_end(adapter, seat.grace_s)), loop.create_task(hurrying.wait())
    grace_s = max(seat.grace_s - _BEFORE_THE_KILL_S, 0.7 * seat.grace_s)
    await asyncio.wait({ending, hurry}, timeout=grace_s, return_when=asyncio.FIRST_COMPLETED)
    if hurry.done() and not ending.done():
        await _hand_back(adapter, seat, ending)
    if not ending.done():
        left = "could not hand back all that it executed: others take it when its lease runs out"
        say(f"warning: worker {seat.name} {left}")
    for task in (ending, hurry):
        task.cancel()
    with suppress(asyncio.CancelledError):
        await ending
    say(f"worker {seat.name} has ended")


async def _hand_back(adapter: BaseDistributedAdapter, seat: WorkerSeat, ending: asyncio.Task[None]) -> None:
    """Somebody wants this process to be gone: give others what it executes, as far as a moment is enough."""
    say(f"worker {seat.name} hands back what it executes")
    with suppress(TimeoutError):
        await asyncio.wait_for(adapter.hand_back(), _HURRIED_S)
    await asyncio.wait({ending}, timeout=_LAST_MOMENT_S)


async def _has_started(adapter: BaseDistributedAdapter, stop: asyncio.Task[bool]) -> bool:
    """Start, which waits for Redis; False if somebody ends the worker before."""
    starting = asyncio.create_task(adapter.start())
    await asyncio.wait({starting, stop}, return_when=asyncio.FIRST_COMPLETED)
    if starting.done():
        await starting
        return True
    starting.cancel()
    with suppress(asyncio.CancelledError):
        await starting
    return False


async def _end(adapter: BaseDistributedAdapter, grace_s: float) -> None:
    await adapter.stop(max(_SHARE_OF_NODES * grace_s, grace_s - _MOST_FOR_HANDING_BACK_S))
    await adapter.__aexit__(None, None, None)
