"""A command in a process group of its own, so that all that it starts can be ended with it."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from flowcraft_engine.frozen import frozen
from flowcraft_engine.nodes.builtin.held_command import HeldCommand
from flowcraft_engine.nodes.builtin.orphan_guard import OrphanGuard

#: How long a command may clean up after TERM before it is killed.
GRACE_S = 2.0
_POLL_S = 0.02
#: How long output may be open after the whole group has ended: something has left the group and holds it.
_DRAIN_S = 0.5
_LONGEST_LINE = 65_536

#: One for all commands of this process; there is no process behind it before the first of them.
_guard = OrphanGuard()

#: Told each line of output: stream name (`stdout`, `stderr`) and text.
OnLine = Callable[[str, str], None]


@frozen
class Captured:
    """The end of one output stream; `left_out` bytes before it were dropped."""

    text: str
    left_out: int

    def marked(self) -> str:
        """The text, saying at its start if something was left out."""
        return f"[… {self.left_out} bytes left out …]\n{self.text}" if self.left_out else self.text


@frozen
class Ended:
    """How a command ended: its exit code (negative: the signal) and its output."""

    code: int
    stdout: Captured
    stderr: Captured


async def run_command(
    arguments: Sequence[str], *, cwd: str, environment: Mapping[str, str], limit: int, on_line: OnLine | None
) -> Ended:
    """Run a command to its end and keep the last `limit` bytes of each output stream.

    `on_line` is told every line as it comes; without it output is not even split into lines.
    Standard input is empty. Whatever of its group is left when the command ends, or when the caller is
    cancelled, gets TERM, and KILL after a grace; if this process is killed, KILL at once. Raises `OSError`,
    `ValueError` when it cannot be started.
    """
    with HeldCommand(arguments, cwd=cwd, environment=environment) as held:
        transport, process = await _start(held, cwd, environment, lambda: _Process(limit, on_line))
        try:
            with _guard.watching(transport.get_pid()):
                held.let_go()
                try:
                    await process.exited.wait()
                finally:
                    await _end_group(transport.get_pid(), process.exited)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_DRAIN_S):
                    await process.closed.wait()
        finally:
            transport.close()
    code = transport.get_returncode()
    return Ended(-1 if code is None else code, process.streams[1].captured(), process.streams[2].captured())


async def _start(
    held: HeldCommand, cwd: str, environment: Mapping[str, str], make_process: Callable[[], _Process]
) -> tuple[asyncio.SubprocessTransport, _Process]:
    async def start(arguments: Sequence[str]) -> tuple[asyncio.SubprocessTransport, _Process]:
        return await asyncio.get_running_loop().subprocess_exec(
            make_process,
            *arguments,
            stdin=asyncio.subprocess.DEVNULL if held.stdin is None else held.stdin,
            cwd=cwd,
            env=dict(environment),
            start_new_session=True,
        )

    async def start_whatever_it_is() -> tuple[asyncio.SubprocessTransport, _Process]:
        try:
            return await start(held.arguments)
        except OSError as error:
            if error.errno != errno.ENOEXEC:
                raise
            return await start(held.as_script())

    starting = asyncio.ensure_future(start_whatever_it_is())
    try:
        return await asyncio.shield(starting)
    except asyncio.CancelledError:
        # It is being started, and may have children already: asyncio would end only the command itself.
        with contextlib.suppress(OSError, ValueError):
            transport, process = await starting
            await _end_group(transport.get_pid(), process.exited)
            transport.close()
        raise


async def _end_group(group: int, exited: asyncio.Event) -> None:
    """End what is left of the group; at once if there is nothing."""
    if not _signal(group, signal.SIGTERM):
        return
    try:
        async with asyncio.timeout(GRACE_S):
            while _has_members(group):  # noqa: ASYNC110  # nobody tells of the end of a grandchild
                await asyncio.sleep(_POLL_S)
    except TimeoutError:
        pass
    finally:  # also when the caller is cancelled a second time
        _signal(group, signal.SIGKILL)
    await exited.wait()


def _signal(group: int, number: int) -> bool:
    """Whether somebody of the group was there to get the signal."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _has_members(group: int) -> bool:
    """Whether somebody of the group still runs. Dead ones that nobody has collected (in a container without
    an init nobody ever does) do not count, where the system tells them apart.
    """
    if not _signal(group, 0):
        return False
    try:
        states = [_group_and_state(entry.name) for entry in os.scandir("/proc") if entry.name.isdigit()]
    except OSError:
        return True
    return any(member == group and state not in "ZX" for member, state in states)


def _group_and_state(pid: str) -> tuple[int, str]:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
        state, _parent, group = text.rpartition(")")[2].split()[:3]
    except (OSError, ValueError):  # it has just ended
        return 0, "X"
    return int(group), state


class _Process(asyncio.SubprocessProtocol):
    """Collects output as it comes. Exit is not the end of output: a grandchild may hold the pipes."""

    def __init__(self, limit: int, on_line: OnLine | None) -> None:
        self.exited = asyncio.Event()
        self.closed = asyncio.Event()
        self.streams = {1: _Stream("stdout", limit, on_line), 2: _Stream("stderr", limit, on_line)}

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self.streams[fd].feed(data)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        if fd in self.streams:
            self.streams[fd].finish()

    def process_exited(self) -> None:
        self.exited.set()

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed.set()


class _Stream:
    """One output stream: hands on whole lines, keeps the tail."""

    def __init__(self, name: str, limit: int, on_line: OnLine | None) -> None:
        self._name = name
        self._limit = limit
        self._on_line = on_line
        self._tail = bytearray()
        self._line = bytearray()
        self._left_out = 0

    def feed(self, data: bytes) -> None:
        self._tail += data
        if len(self._tail) > 2 * self._limit:
            self._trim()
        if self._on_line is None:
            return
        *lines, rest = (bytes(self._line) + data).split(b"\n")
        for line in lines:
            self._on_line(self._name, _line_text(line))
        if len(rest) > _LONGEST_LINE:
            self._on_line(self._name, _line_text(rest))
            rest = b""
        self._line = bytearray(rest)

    def finish(self) -> None:
        if self._line and self._on_line is not None:
            self._on_line(self._name, _line_text(self._line))
            self._line.clear()

    def captured(self) -> Captured:
        self.finish()
        self._trim()
        return Captured(self._tail.decode(errors="replace"), self._left_out)

    def _trim(self) -> None:
        surplus = len(self._tail) - self._limit
        if surplus > 0:
            del self._tail[:surplus]
            self._left_out += surplus


def _line_text(line: bytes | bytearray) -> str:
    return line.decode(errors="replace").rstrip("\r")
