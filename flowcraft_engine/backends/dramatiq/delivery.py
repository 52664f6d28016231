"""One job on its way through this process. Stands as the only argument of the message that Dramatiq handles."""

from __future__ import annotations

from dataclasses import dataclass

from flowcraft_engine.stores.job_queue import JobPayload


@dataclass(slots=True, eq=False)
class Delivery:
    """`handed_back` is set when the job was not looked at here: then another worker shall get it."""

    id: str
    job: JobPayload
    handed_back: bool = False
