"""A command that is started, and does not begin before it is told to.

Between the start of a process and the moment at which somebody knows its id, this process may be killed; whatever the
command had done by then, nobody would end it. So a small `sh` is started in its place, which waits for a word on its
standard input and then becomes the command. If this process dies first the word never comes, and it ends.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Final, Self

_SHELL: Final = "/bin/sh"
#: The variables of the shell itself; they reach the command only if they were given.
_ADDED: Final = ("PWD", "OLDPWD", "SHLVL", "_")
_SCRIPT: Final = 'read -r flowcraft_word || exit; unset flowcraft_word {added}; exec "$@" </dev/null'
#: Names that every shell hands on.
_PLAIN_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


class HeldCommand:
    """Start `arguments` with the standard input `stdin`, then `let_go`. A context manager: without it nothing begins.

    A shell that loses variables with odd names is not used for programs that get such; those begin at once. Raises
    `OSError` for a program that is not there, or may not be executed. Whatever else is wrong with it is found when it
    begins, and told by exit code 126 or 127.

    A file that may be executed and does not say by what, without a `#!` at its start, is a script for `sh`: as it is
    for every shell. Whoever starts `arguments` and is told that they are no program starts `as_script`.
    """

    def __init__(self, command: Sequence[str], *, cwd: str, environment: Mapping[str, str]) -> None:
        self.arguments = tuple(command)
        self._command = tuple(command)
        self._cwd = cwd
        self._environment = environment
        self.stdin: int | None = None
        self._word: int | None = None
        self._is_held = os.access(_SHELL, os.X_OK) and all(map(_PLAIN_NAME.match, environment))
        if self._is_held:
            program = self._program()
            added = " ".join(name for name in _ADDED if name not in environment)
            # The name as it was written, unless the shell would look elsewhere for it.
            name = command[0] if "PATH" in environment and not command[0].startswith("-") else program
            script = _SCRIPT.format(added=added)
            self.arguments = (_SHELL, "-c", script, "sh", name, *command[1:])

    def __enter__(self) -> Self:
        if self._is_held:
            self.stdin, self._word = os.pipe()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def as_script(self) -> tuple[str, ...]:
        """What to start instead of `arguments` if those are no program."""
        return (_SHELL, self._program(), *self._command[1:])

    def _program(self) -> str:
        return _find(self._command[0], self._cwd, self._environment)

    def let_go(self) -> None:
        """Let it begin."""
        if self._word is not None:
            with contextlib.suppress(BrokenPipeError):  # it has been killed already
                os.write(self._word, b"\n")
        self._close()

    def _close(self) -> None:
        for descriptor in (self.stdin, self._word):
            if descriptor is not None:
                os.close(descriptor)
        self.stdin = self._word = None


def _find(name: str, cwd: str, environment: Mapping[str, str]) -> str:
    """The program that is meant by `name`, as the system would find it."""
    folders = [""] if os.sep in name else os.get_exec_path(environment)
    error: OSError = FileNotFoundError(2, os.strerror(2), name)
    for folder in folders:
        place = Path(cwd, folder, name).absolute()
        if os.access(place, os.X_OK) and place.is_file():
            return str(place)
        if os.access(place, os.F_OK):
            error = PermissionError(13, os.strerror(13), name)
    raise error
