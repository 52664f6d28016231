"""Jobs as Dramatiq messages on Redis. Carries hints only and knows nothing of runs: see `job_consumer.py`."""

from flowcraft_engine.backends.dramatiq.dead_letters import DeadLetter
from flowcraft_engine.backends.dramatiq.job_consumer import JobConsumer
from flowcraft_engine.backends.dramatiq.job_queue import DramatiqJobQueue

__all__ = ["DeadLetter", "DramatiqJobQueue", "JobConsumer"]
