"""A process that consumes: says which job it has begun, and holds the first one until it is killed, if told so.

python -m tests.unit.backends.dramatiq.workload URL NAME (hold | go)
"""

from __future__ import annotations

import asyncio
import signal
import sys

from flowcraft_engine.backends.dramatiq import JobConsumer
from flowcraft_engine.stores.job_queue import JobPayload


async def main(url: str, name: str, manner: str) -> None:
    async def on_job(job: JobPayload) -> None:
        print(f"begun {job.run_id}", flush=True)
        if manner == "hold":
            await asyncio.Event().wait()
        print(f"done {job.run_id}", flush=True)

    loop = asyncio.get_running_loop()
    ending = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ending.set)
    consumer = JobConsumer(url, on_job, name=name, threads=2, heartbeat_timeout_ms=6000)
    consumer.start(loop)
    print("ready", flush=True)
    await ending.wait()
    await consumer.stop(5)
    print("stopped", flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
