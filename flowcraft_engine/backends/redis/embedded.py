"""A Redis server of our own, for development and tests: started here, ended with us, reachable from this machine.

Not for production. On Linux the kernel ends the server when its starter dies, whatever kills it; elsewhere a
server that was left behind is found by its lock and used again by the next start.
"""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

import redis

from flowcraft_engine.backends.redis.address import RedisAddress
from flowcraft_engine.backends.redis.connection import connect_blocking
from flowcraft_engine.backends.redis.server_binary import find_server_binary
from flowcraft_engine.backends.redis.server_lock import ServerLock, ServerNote, is_held, read_note
from flowcraft_engine.backends.redis.tied_process import TiedProcess
from flowcraft_engine.errors import BackendError

DEFAULT_DATABASES = 64
_HOST = "127.0.0.1"
_LOG = "server.log"
#: How long a server may take to answer; one that loads its data may take longer, as long as it lives.
_START_S = 15.0
_POLL_S = 0.004
_PORT_TRIES = 5


class PortTakenError(BackendError):
    """Another program listens on the port."""


class EmbeddedRedis:
    """A running server, or one that was stopped and can be started again on the same port and data."""

    def __init__(
        self,
        data_dir: Path,
        *,
        persistent: bool,
        port: int = 0,
        databases: int = DEFAULT_DATABASES,
        password: str | None = None,
        binary: Path | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.data_dir = data_dir.absolute()
        self._is_persistent = persistent
        self._port = port
        self._databases = databases
        self._password = password
        self._binary = binary
        self._settings = dict(settings or {})
        self._lock: ServerLock | None = None
        self._process: TiedProcess | None = None
        self._found: ServerNote | None = None

    @classmethod
    def start(
        cls,
        data_dir: Path,
        *,
        persistent: bool,
        port: int = 0,
        databases: int = DEFAULT_DATABASES,
        password: str | None = None,
        binary: Path | None = None,
        settings: Mapping[str, str] | None = None,
    ) -> EmbeddedRedis:
        """A server that answers. If one runs on this folder already, that one (`is_attached`).

        Persistent data survives `stop` and the death of the server whole, and a power failure but for the last
        second. Port 0 chooses a free one. `settings` are lines of the server's configuration. Blocks until
        the server answers; raises `BackendError` with the last lines of its log if it does not.
        """
        server = cls(
            data_dir,
            persistent=persistent,
            port=port,
            databases=databases,
            password=password,
            binary=binary,
            settings=settings,
        )
        server._start_or_attach()
        return server

    @property
    def address(self) -> RedisAddress:
        """Database 0 of the server."""
        if self._found is not None:
            return self._found.address
        return RedisAddress(host=_HOST, port=self._port, password=self._password)

    @property
    def pid(self) -> int:
        """The process of the server."""
        if self._found is not None:
            return self._found.pid
        assert self._process is not None, "the server was never started"
        return self._process.pid

    @property
    def is_attached(self) -> bool:
        """Whether somebody else started the server, and will stop it."""
        return self._found is not None

    @property
    def is_running(self) -> bool:
        if self._found is not None:
            return is_held(self.data_dir)
        return self._process is not None and self._process.is_running

    def stop(self) -> None:
        """End the server in order, its data kept. Does nothing to a server of somebody else, or the second time."""
        if self._process is not None:
            self._process.end(signal.SIGTERM)
        self._let_go()

    def kill(self) -> None:
        """SIGKILL: what a crash does. `restart` brings the server back."""
        assert self._process is not None, "only our own server is killed"
        self._process.end(signal.SIGKILL)

    def restart(self) -> None:
        """Stop the server, if it still runs, and start it on the same port and data."""
        assert self._found is None, "only our own server is restarted"
        if self._process is not None:
            self._process.end(signal.SIGTERM)
        if self._lock is None:
            self._start_or_attach()
        else:
            self._launch(self._lock)

    def __enter__(self) -> EmbeddedRedis:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _start_or_attach(self) -> None:
        try:
            self.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            deadline = time.monotonic() + _START_S
            while (lock := ServerLock.take(self.data_dir)) is None:
                if self._attach(deadline):
                    return
        except OSError as error:
            raise BackendError(f"no server can keep its data in {self.data_dir}: {error.strerror}") from error
        self._launch(lock)

    def _attach(self, deadline: float) -> bool:
        """Use the server that holds the lock. False if it has let go, so that another try may win the lock."""
        while is_held(self.data_dir):
            note = read_note(self.data_dir)
            if note is not None and _is_ready(note):
                self._found = note
                return True
            if time.monotonic() > deadline:
                who = f"process {note.pid}" if note is not None else "another process"
                raise BackendError(
                    f"{who} holds the data in {self.data_dir}, and no server answers", hint="end that process"
                )
            time.sleep(_POLL_S)
        return False

    def _launch(self, lock: ServerLock) -> None:
        """Start the program; with a chosen port again, if somebody was quicker to take it."""
        self._lock = lock
        may_choose = self._port == 0
        for attempt in range(_PORT_TRIES):
            if may_choose:
                self._port = _free_port()
            try:
                self._launch_once(lock)
                return
            except PortTakenError:
                if attempt == _PORT_TRIES - 1 or not may_choose:
                    self._let_go()
                    raise
            except BaseException:
                # Whatever it was, Ctrl-C while it starts included: no process and no lock may be left.
                self._let_go()
                raise

    def _launch_once(self, lock: ServerLock) -> None:
        binary = self._binary or find_server_binary()
        self._process = TiedProcess(
            [str(binary), "-"],
            stdin=self._configuration(),
            log=self.data_dir / _LOG,
            ending=signal.SIGTERM if self._is_persistent else signal.SIGKILL,
            descriptor=lock.descriptor,
        )
        note = ServerNote(self._process.pid, self.address.url)
        lock.write(note)
        deadline = time.monotonic() + _START_S
        while not _is_ready(note):
            if not self._process.is_running:
                raise self._start_error(binary)
            if time.monotonic() > deadline and not _is_loading(note):
                self._process.end(signal.SIGKILL)
                raise BackendError(f"{binary} does not answer", hint=self._log_end())
            time.sleep(_POLL_S)

    def _start_error(self, binary: Path) -> BackendError:
        end = self._log_end()
        if "Address already in use" in end:
            return PortTakenError(f"port {self._port} is taken by another program")
        return BackendError(f"{binary} ended at once", hint=f"it said: {end}")

    def _configuration(self) -> str:
        lines = {
            "bind": _HOST,
            "port": str(self._port),
            "databases": str(self._databases),
            "dir": str(self.data_dir),
            "daemonize": "no",
            "save": "",
            "appendonly": "yes" if self._is_persistent else "no",
            "appendfsync": "everysec",
            "maxmemory-policy": "noeviction",
            **({"requirepass": self._password} if self._password is not None else {}),
            **self._settings,
        }
        return "".join(f"{name} {_quoted(value)}\n" for name, value in lines.items())

    def _log_end(self) -> str:
        lines = (self.data_dir / _LOG).read_text(encoding="utf-8", errors="replace").splitlines()
        return " / ".join(line.strip() for line in lines[-4:] if line.strip())

    def _let_go(self) -> None:
        if self._lock is not None:
            self._lock.clear()
            self._lock.close()
            self._lock = None


def _is_ready(note: ServerNote) -> bool:
    """Whether the server of the note answers; not another one that listens on the same port."""
    client = connect_blocking(note.address, timeout_s=1.0)
    try:
        client.ping()
        return int(client.info("server")["process_id"]) == note.pid
    except (redis.RedisError, OSError):
        return False
    finally:
        client.close()


def _is_loading(note: ServerNote) -> bool:
    client = connect_blocking(note.address, timeout_s=1.0)
    try:
        client.ping()
    except redis.exceptions.BusyLoadingError:
        return True
    except (redis.RedisError, OSError):
        return False
    finally:
        client.close()
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])


def _quoted(value: str) -> str:
    """A value as the server's configuration takes it, whatever bytes a path has."""
    plain = "".join(
        chr(b) if 32 <= b < 127 and chr(b) not in '"\\' else f"\\x{b:02x}" for b in os.fsencode(value)
    )
    return f'"{plain}"'
