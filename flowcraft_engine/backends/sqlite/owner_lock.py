"""Whether a process still lives, told by a lock that the kernel takes away from the dead.

POSIX only. Elsewhere nobody is known to be dead, except owners whose lock file is gone.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows
    fcntl = None  # type: ignore[assignment]  # which is asked for below


class OwnerLocks:
    """One locked file for each process, in a folder beside the state file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: dict[str, IO[bytes]] = {}

    def hold(self, owner: str) -> None:
        """Show that `owner` lives for as long as this process does."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.fdopen(os.open(self._path(owner), os.O_CREAT | os.O_WRONLY, 0o600), "wb")
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._held[owner] = file

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
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
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

    def _path(self, owner: str) -> Path:
        return self._folder / f"{owner}.lock"
