"""What a worker process is told to do; goes to it by pickle."""

from __future__ import annotations

from pathlib import Path

from flowcraft_engine.frozen import frozen
from flowcraft_engine.settings import Settings
from flowcraft_engine.settings.worker import WorkerSettings


@frozen
class WorkOrder:
    """`paths` are the files and folders with the blueprints that the worker declares.

    One that `is_alone` is the whole fleet: no other worker has what it lacks.
    """

    settings: Settings
    worker: WorkerSettings
    paths: tuple[Path, ...] = ()
    verbose: bool = False
    is_alone: bool = False
