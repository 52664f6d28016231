"""Runs as files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flowcraft_engine.stores.bundle import Bundle
    from flowcraft_engine.stores.coordination_store import CoordinationStore


async def open_run_file(path: Path) -> tuple[CoordinationStore, str]:
    """A store over a run file, which is written when it is closed, and the id of its run."""
    from flowcraft_engine.backends.run_file.store import RunFileStore

    store = await RunFileStore.open(path)
    return store, store.run_id


async def export_run(store: CoordinationStore, run_id: str, path: Path, *, logs: bool) -> int:
    """Write a run with its sub-runs to a file; how many runs there are in it."""
    from flowcraft_engine.backends.run_file.format import write_run_file
    from flowcraft_engine.stores.bundle import collect

    bundle = await collect(store, run_id, logs=logs)
    write_run_file(path, bundle)
    return len(bundle.runs)


def read_run(path: Path) -> Bundle:
    """What a run file holds, to be restored in a store."""
    from flowcraft_engine.backends.run_file.format import read_run_file

    bundle, _ = read_run_file(path)
    return bundle
