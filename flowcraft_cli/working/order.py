"""What a worker process is told to do; goes to it by pickle."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from flowcraft_engine.settings import Settings
from flowcraft_engine.settings.worker import WorkerSettings


@dataclass(frozen=True, slots=True)
class WorkOrder:
    """`paths` are the files and folders with the blueprints that the worker declares."""

    settings: Settings
    worker: WorkerSettings
    paths: tuple[Path, ...] = ()
    verbose: bool = False
