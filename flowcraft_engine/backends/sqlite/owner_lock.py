"""Whether a process still lives, told by a lock that the kernel takes away from the dead.

POSIX only. Elsewhere nobody is known to be dead, except owners whose lock file is gone.
"""

from __future__ import annotations

import contextlib
import functools
import os
import weakref
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows
    fcntl = None  # type: ignore[assignment]  # which is asked for below

#: So often a folder may go away between two steps.
_TRIES = 100
#: Those of this process that hold something.
_holders: weakref.WeakSet[OwnerLocks] = weakref.WeakSet()


class OwnerLocks:
    """One locked file for each process, in a folder beside the state file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: dict[str, IO[bytes]] = {}

    def hold(self, owner: str) -> None:
        """Show that `owner` lives for as long as this process does."""
        _heed_forks()
        file = self._make(self._path(owner))
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._held[owner] = file
        _holders.add(self)

    def _make(self, path: Path, tries: int = _TRIES) -> IO[bytes]:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            return os.fdopen(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), "wb")
        except (FileNotFoundError, FileExistsError):
            # Whoever lets go of the last lock removes the folder: at any moment, between these two steps, say.
            if not tries:
                raise
        return self._make(path, tries - 1)

    def is_dead(self, owner: str) -> bool:
        if owner in self._held:
            return False
        path = self._path(owner)
        try:
            file = path.open("rb")
        except FileNotFoundError:
            return True
        with file:
            if fcntl is None:
                return False
            try:
                # Shared: others who ask at the same moment must not be told that it lives.
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                return False
            # The lock of a dead process: nobody will look for it again.
            with contextlib.suppress(OSError):  # it may stay where nothing can be written
                path.unlink()
            return True

    def release(self) -> None:
        for owner, file in self._held.items():
            self._path(owner).unlink(missing_ok=True)
            file.close()
        self._held.clear()
        with contextlib.suppress(OSError):
            self._folder.rmdir()

    def abandon(self) -> None:
        """Hold nothing any more, in a child that was forked: the locks stay with the process that took them."""
        for file in self._held.values():
            file.close()
        self._held.clear()

    def _path(self, owner: str) -> Path:
        return self._folder / f"{owner}.lock"


@functools.cache
def _heed_forks() -> None:
    """Forked children would keep the locks of a process that has died."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_abandon_all)


def _abandon_all() -> None:
    for locks in list(_holders):
        locks.abandon()
