"""Where secrets come from: the environment, files, a command. Nothing is read before somebody asks for a name."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from flowcraft_engine.errors import ErrorCode, NodeError, UsageError
from flowcraft_engine.frozen import frozen

_COMMAND_TIMEOUT_S = 30.0
_PLACE = "{name}"
_KINDS = "env, env:PREFIX_, file:PATH, command:PROGRAM {name}"


class SecretProvider(Protocol):
    """One place for secrets. May block: called in a thread."""

    def find(self, name: str) -> str | None:
        """The secret, None if it is not there. Raises `NodeError` when the place cannot be asked."""
        ...


@frozen
class EnvironmentSecrets:
    """Environment variables of this process: `prefix` and the name."""

    prefix: str = ""

    def find(self, name: str) -> str | None:
        return os.environ.get(self.prefix + name)


@frozen
class FileSecrets:
    """A folder with a file for each secret; or one file: `.json`, `.toml`, else lines of `NAME=value`."""

    path: Path

    def find(self, name: str) -> str | None:
        try:
            if self.path.is_dir():
                file = self.path / name
                return _without_line_end(file.read_text(encoding="utf-8")) if file.is_file() else None
            value = _entries(self.path).get(name)
        except (OSError, ValueError) as error:
            # Neither the text of the file nor what the parser says about it.
            reason = error.strerror if isinstance(error, OSError) else "it cannot be understood"
            raise _unavailable(f"secrets cannot be read from {self.path}: {reason}") from None
        return value if value is None or isinstance(value, str) else json.dumps(value)


@frozen
class CommandSecrets:
    """A program that prints the secret: `{name}` in its arguments is the name. No shell is involved."""

    arguments: tuple[str, ...]

    def find(self, name: str) -> str | None:
        arguments = [argument.replace(_PLACE, name) for argument in self.arguments]
        try:
            done = subprocess.run(  # noqa: S603  # named by the user's own settings
                arguments,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=_COMMAND_TIMEOUT_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            reason = error.strerror if isinstance(error, OSError) else "it takes too long"
            raise _unavailable(
                f"the command for secrets, {self.arguments[0]}, does not work: {reason}"
            ) from None
        if done.returncode != 0:
            # What it printed may be a secret, or half of one.
            raise _unavailable(
                f"the command for secrets, {self.arguments[0]}, ended with exit code {done.returncode}"
                f" for {name!r}"
            )
        return _without_line_end(done.stdout.decode("utf-8", "replace"))


def make_provider(text: str, folder: Path) -> SecretProvider:
    """The provider that a setting means; paths begin at `folder`. Raises `UsageError`."""
    kind, _, rest = text.partition(":")
    if kind == "env":
        return EnvironmentSecrets(rest)
    if kind == "file" and rest:
        return FileSecrets(folder / rest)
    if kind == "command" and rest:
        import shlex

        try:
            arguments = tuple(shlex.split(rest))
        except ValueError as error:
            raise UsageError(f"secrets: {text!r} is no command: {error}") from error
        if arguments and any(_PLACE in argument for argument in arguments):
            return CommandSecrets(arguments)
        raise UsageError(f"secrets: {text!r} must have {_PLACE} where the name of the secret goes")
    raise UsageError(f"secrets: there is no provider {text!r}", hint=f"known are: {_KINDS}")


def find_secret(providers: Sequence[SecretProvider], name: str) -> str:
    """The secret, from the first place that has it. Raises `NodeError`."""
    for provider in providers:
        value = provider.find(name)
        if value is not None:
            return value
    places = ", ".join(_place_of(provider, name) for provider in providers)
    raise NodeError(
        f"there is no secret {name!r}; looked for in: {places} (secrets in the project file names other places)",
        error_code=ErrorCode.SECRET_UNAVAILABLE,
        retryable=False,
    )


def _place_of(provider: SecretProvider, name: str) -> str:
    """Where a provider looks, as people know it."""
    if isinstance(provider, EnvironmentSecrets):
        return f"the environment variable {provider.prefix}{name}"
    if isinstance(provider, FileSecrets):
        return str(provider.path)
    return type(provider).__name__  # of the user's own; a command that has no secret says so itself


def _entries(path: Path) -> dict[str, object]:
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".json":
        found = json.loads(text)
        return found if isinstance(found, dict) else {}
    if path.suffix == ".toml":
        import tomllib

        return tomllib.loads(text)
    lines = (line.strip() for line in text.splitlines())
    pairs = (line.removeprefix("export ").partition("=") for line in lines if line and line[0] != "#")
    return {name.strip(): _unquoted(value.strip()) for name, _, value in pairs}


def _unquoted(value: str) -> str:
    is_quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "\"'"
    return value[1:-1] if is_quoted else value


def _without_line_end(text: str) -> str:
    """Without one line end: files and programs end with one, secrets seldom do."""
    return text.removesuffix("\n").removesuffix("\r")


def _unavailable(message: str) -> NodeError:
    return NodeError(message, error_code=ErrorCode.SECRET_UNAVAILABLE)
