"""A supervisor as a program, and targets for it: each line of its output is one thing that happened.

python -m tests.unit.distributed.fleet TARGET COUNT GRACE_S [FOLDER]
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from contextlib import ExitStack
from pathlib import Path

from flowcraft_engine.distributed.file_watch import FileWatch
from flowcraft_engine.distributed.seat import WorkerSeat
from flowcraft_engine.distributed.supervisor import Supervisor


def tell(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


if __name__ == "__mp_main__":  # in a worker, before it says that it is ready
    tell("spawned", os.getpid())


def obedient(seat: WorkerSeat) -> None:
    tell("begun", seat.index, seat.name, os.getpid())
    seat.tell_ready()
    seat.wait()
    tell("ended", seat.index, seat.name)


def on_a_loop(seat: WorkerSeat) -> None:
    async def main() -> None:
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        seat.on_stop(lambda: loop.call_soon_threadsafe(stopping.set))
        tell("begun", seat.index, seat.name, os.getpid())
        seat.tell_ready()
        await stopping.wait()
        await asyncio.sleep(0.1)  # the work under way
        tell("ended", seat.index, seat.name)

    asyncio.run(main())


def deaf(seat: WorkerSeat) -> None:
    """Hears nothing, and has a child that hears nothing either."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    tell("begun", seat.index, seat.name, os.getpid(), child.pid)
    seat.tell_ready()
    while True:
        time.sleep(60)


def parent_of_one(seat: WorkerSeat) -> None:
    """Ends as it should, and leaves a child behind."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    tell("begun", seat.index, seat.name, os.getpid(), child.pid)
    seat.tell_ready()
    seat.wait()


def commanding(seat: WorkerSeat) -> None:
    """Runs a command as nodes do, in a session of its own, and hears nothing."""
    command = [sys.executable, "-c", "import time; time.sleep(600)"]
    child = subprocess.Popen(command, start_new_session=True)
    tell("begun", seat.index, seat.name, os.getpid(), child.pid)
    seat.tell_ready()
    while True:
        time.sleep(60)


def broken(seat: WorkerSeat) -> None:
    raise ValueError("no such blueprint")


def broken_late(seat: WorkerSeat) -> None:
    """Needs longer to find its mistake than a worker that has got going may live."""
    time.sleep(1.5)
    raise ValueError("no such blueprint")


def slow_to_start(seat: WorkerSeat) -> None:
    """At work, like one that has much to import, only a while after its start."""
    time.sleep(0.5)
    obedient(seat)


def stumbling(seat: WorkerSeat) -> None:
    """Does not get going at the first try."""
    if seat.is_first:
        raise ValueError("not yet")
    slow_to_start(seat)


def short_lived(seat: WorkerSeat) -> None:
    os._exit(7)


def main(target: str, count: str, grace_s: str, *folders: str) -> int:
    supervisor = Supervisor(
        globals()[target],
        int(count),
        grace_s=float(grace_s),
        on_death=lambda name, code: tell("death", name, code),
        say=lambda words: tell("say", words),
    )
    with ExitStack() as stack:
        if folders:
            stack.enter_context(FileWatch([Path(it) for it in folders], supervisor.restart, interval_s=0.1))
        return supervisor.run()


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
