"""The lock on the data of an embedded server: two servers on one folder would ruin it.

The server inherits the open lock file, so that the lock ends with the server, not with whoever started it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from flowcraft_engine.backends.redis.address import RedisAddress
from flowcraft_engine.errors import BackendError
from flowcraft_engine.frozen import frozen

try:
    import fcntl
except ImportError:  # pragma: no cover - Windows
    fcntl = None  # type: ignore[assignment]  # which is asked for below

_NAME = "lock"


@frozen
class ServerNote:
    """What the lock file says of the server that holds it. The file is for its owner only."""

    pid: int
    url: str

    @property
    def address(self) -> RedisAddress:
        return RedisAddress.parse(self.url)


class ServerLock:
    """Held for as long as the object is open, or any process that inherited `descriptor` lives."""

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    @classmethod
    def take(cls, data_dir: Path) -> ServerLock | None:
        """The lock; None if a server holds it."""
        if fcntl is None:  # pragma: no cover - Windows
            raise BackendError(
                "an embedded server needs Linux or macOS", hint="use WSL, or name a Redis: --redis-url"
            )
        descriptor = os.open(data_dir / _NAME, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return None
        os.ftruncate(descriptor, 0)
        return cls(descriptor)

    def write(self, note: ServerNote) -> None:
        text = json.dumps({"pid": note.pid, "url": note.url}).encode()
        os.pwrite(self.descriptor, text, 0)
        os.ftruncate(self.descriptor, len(text))

    def clear(self) -> None:
        """Say that no server runs."""
        os.ftruncate(self.descriptor, 0)

    def close(self) -> None:
        os.close(self.descriptor)


def is_held(data_dir: Path) -> bool:
    """Whether a server has the data of this folder. Makes no file."""
    if fcntl is None or not (data_dir / _NAME).exists():
        return False
    with (data_dir / _NAME).open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def has_data(data_dir: Path) -> bool:
    """Whether a server has kept data in this folder, whatever became of it."""
    return (data_dir / _NAME).exists()


def read_note(data_dir: Path) -> ServerNote | None:
    """What the holder of the lock wrote; None while it has written nothing."""
    try:
        document = json.loads((data_dir / _NAME).read_bytes())
        return ServerNote(int(document["pid"]), str(document["url"]))
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def running_server(data_dir: Path) -> RedisAddress | None:
    """Where the server of this folder is, if one runs: how other commands find what `flowcraft dev` started."""
    note = read_note(data_dir) if is_held(data_dir) else None
    return note.address if note is not None else None
