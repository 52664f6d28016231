"""A store that is one file with one run: read at first, written when it is closed.

What another process does to the file meanwhile is not overwritten. A process that dies leaves the file as it was; the
run goes on from there, and nodes that had run since run again, with the same idempotency keys.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flowcraft_engine.backends.run_file.format import read_bytes, read_run_file, write_run_file
from flowcraft_engine.clock import Clock
from flowcraft_engine.errors import ConflictError
from flowcraft_engine.stores.bundle import collect, restore
from flowcraft_engine.stores.memory_store import MemoryStore

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows
    fcntl = None  # type: ignore[assignment]  # which is asked for below


class RunFileStore(MemoryStore):
    """Use `open`, then as any store; `close` writes the file if the run has changed."""

    def __init__(self, path: Path, clock: Clock | None = None) -> None:
        super().__init__(clock)
        self._path = path
        self._owners: set[str] = set()
        self._attended: set[str] = set()
        self._content = b""
        self._seen = 0
        self.run_id = ""

    @classmethod
    async def open(cls, path: Path, clock: Clock | None = None) -> RunFileStore:
        """Raises `NotFoundError` for no such file, and `RunFileError`."""
        store = cls(path, clock)
        bundle, store._content = read_run_file(path)
        await restore(store, bundle)
        store.run_id = bundle.run_id
        store._seen = store._count()
        return store

    def _count(self) -> int:
        """Grows with everything that is to be kept."""
        return sum(map(len, self._journals.values())) + sum(map(len, self._logs.values()))

    def claimant(self) -> str:
        owner = super().claimant()
        self._owners.add(owner)
        return owner

    async def owner_is_dead(self, owner: str) -> bool:
        # Whoever executed the run before this process has let go of it with the file.
        return owner not in self._owners

    async def attend(self, run_id: str, owner: str) -> None:
        self._attended.add(run_id)

    async def is_orphaned(self, run_id: str) -> bool:
        return run_id not in self._attended

    async def close(self) -> None:
        if self._count() == self._seen:
            return
        # From here on nobody executes it.
        self._owners.clear()
        self._attended.clear()
        bundle = await collect(self, self.run_id)
        with _alone_in(self._path.parent):
            if read_bytes(self._path) != self._content:
                raise ConflictError(
                    f"{self._path} was changed by somebody else meanwhile; it is left as it is",
                    hint="what was done here is lost: go on with the file as it is now",
                )
            write_run_file(self._path, bundle)
            self._content, self._seen = read_bytes(self._path), self._count()


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Others who change a file of this folder wait meanwhile: between a look at it and its writing, say."""
    if fcntl is None:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
