"""Ends the commands of a process that was killed without a chance to end them itself.

A guard is a small `sh` that reads from a pipe which groups of commands run. The system closes the pipe when this
process ends, however that happens; then the guard kills what is left of them. `PR_SET_PDEATHSIG` would spare the
process, but reaches only the command and not what that has started, needs code between fork and exec, and is for
Linux only.
"""

from __future__ import annotations

import contextlib
import os
import threading
import weakref
from collections.abc import Iterator

#: Reads `+ GROUP` and `- GROUP` until the pipe is closed. It outlives what ends its process by the terminal.
_SCRIPT = """
trap '' INT TERM HUP QUIT
cd /
groups=' '
while read -r sign group; do
  case $sign in
    +) groups="$groups$group " ;;
    -) groups="${groups%% $group *} ${groups#* $group }" ;;
  esac
done
for group in $groups; do kill -s KILL -- "-$group"; done
"""


class OrphanGuard:
    """The guard of this process, started for its first command. Without one, commands run all the same."""

    def __init__(self) -> None:
        self._pipe: int | None = None
        self._owner = 0
        #: What a new guard is told, should this one be killed.
        self._groups: set[int] = set()
        #: Event loops of several threads may run commands.
        self._lock = threading.Lock()
        self._heeds_forks = False

    @contextlib.contextmanager
    def watching(self, group: int) -> Iterator[None]:
        """Have the process group killed if this process dies meanwhile."""
        if self._owner != os.getpid():  # a forked process has a guard of its own
            self._owner, self._pipe, self._groups, self._lock = os.getpid(), None, set(), threading.Lock()
        with self._lock:
            self._groups.add(group)
            self._tell(f"+ {group}\n")
            if self._pipe is None:  # none was needed so far, or it has been killed
                self._start()
        try:
            yield
        finally:
            with self._lock:
                self._groups.discard(group)
                self._tell(f"- {group}\n")

    def _start(self) -> None:
        with contextlib.suppress(OSError, NotImplementedError, AttributeError):  # the system has no such call
            self._heed_forks()
            self._pipe = _spawn()
        for group in self._groups:
            self._tell(f"+ {group}\n")

    def _heed_forks(self) -> None:
        """Forked children would keep the pipe of a process that has died open."""
        if not self._heeds_forks:
            self._heeds_forks = True
            let_go = weakref.WeakMethod(self._let_go)
            os.register_at_fork(after_in_child=lambda: (method := let_go()) and method())

    def _let_go(self) -> None:
        if self._pipe is not None:
            os.close(self._pipe)
            self._pipe = None

    def _tell(self, line: str) -> None:
        if self._pipe is None:
            return
        try:
            os.write(self._pipe, line.encode())
        except BlockingIOError:
            return  # it does not keep up; nobody waits for it
        except OSError:  # it has been killed: whoever comes next starts another
            os.close(self._pipe)
            self._pipe = None


def _spawn() -> int:
    """Start the guard in a session of its own; the writing end of its pipe."""
    reading, writing = os.pipe()
    try:
        os.set_blocking(writing, False)
        nowhere = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_WRONLY, 0) for number in (1, 2)]
        os.posix_spawn(
            "/bin/sh",
            ["sh", "-c", _SCRIPT, "flowcraft-guard"],
            {"PATH": os.defpath},
            file_actions=[(os.POSIX_SPAWN_DUP2, reading, 0), *nowhere],
            setsid=True,
        )
    except BaseException:
        os.close(writing)
        raise
    finally:
        os.close(reading)
    return writing
