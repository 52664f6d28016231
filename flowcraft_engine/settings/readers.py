"""From raw values to typed ones. Each error names the flag, the variable or the file with the wrong value."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from flowcraft_engine.errors import UsageError
from flowcraft_engine.nodes.secret_providers import SecretProvider, make_provider
from flowcraft_engine.settings.sources import Found

MEMORY = "memory"
_LOOPBACK = "127.0.0.1"
_HIGHEST_PORT = 65_535
_ADDRESS = re.compile(r"(?:(?P<host>[A-Za-z0-9._-]+):|\[(?P<six>[0-9A-Fa-f:.%]+)\]:)?(?P<port>[0-9]{1,5})")
_TRUE = ("1", "true", "yes", "on", "t", "y")
_FALSE = ("0", "false", "no", "off", "f", "n")


def texts(it: Found) -> tuple[str, ...]:
    """One text or several; in the environment they are separated by spaces or commas."""
    if isinstance(it.value, str):
        names = re.split(r"[\s,]+", it.value.strip()) if it.is_variable else [it.value]
    else:
        names = it.value
    if not isinstance(names, (list, tuple)) or not all(isinstance(name, str) and name for name in names):
        raise UsageError(f"{it.source} must be text or a list of texts, not {it.value!r}")
    return tuple(names)


def paths(it: Found) -> tuple[Path, ...]:
    found = tuple(it.folder / name for name in texts(it))
    for path in found:
        if not path.exists():
            raise UsageError(f"{it.source}: there is no file or folder {str(path)!r}")
    return found


def secrets(it: Found) -> tuple[SecretProvider, ...]:
    """In the environment providers are separated by `;`, since commands have spaces."""
    found = it.value
    if isinstance(found, str):
        found = [part.strip() for part in found.split(";")] if it.is_variable else [found]
    if not isinstance(found, list) or not found or not all(isinstance(text, str) and text for text in found):
        raise UsageError(f"{it.source} must be a provider of secrets or a list of them, not {it.value!r}")
    return tuple(make_provider(text, it.folder) for text in found)


def state(it: Found) -> Path | None:
    if not isinstance(it.value, str) or not it.value.strip() or "\0" in it.value:
        raise UsageError(f"{it.source} must be the path of a file, or 'memory', not {it.value!r}")
    return None if it.value == MEMORY else it.folder / it.value


def url(it: Found) -> str:
    """A URL, unparsed. It may hold a password, so no error repeats it."""
    if not isinstance(it.value, str) or not it.value.strip():
        raise UsageError(f"{it.source} must be a URL", hint="it looks like redis://user:password@host:6379/0")
    return it.value.strip()


def truth(it: Found) -> bool:
    """A flag is true by being there."""
    text = str(it.value).strip().lower()
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise UsageError(f"{it.source} must be true or false, not {it.value!r}")


def whole_number(least: int, most: int) -> Callable[[Found], int]:
    def read(it: Found) -> int:
        text = str(it.value).strip()
        is_number = re.fullmatch(r"[0-9]{1,9}", text) and not isinstance(it.value, bool)
        if not is_number or not least <= int(text) <= most:
            raise UsageError(f"{it.source} must be a whole number from {least} to {most}, not {it.value!r}")
        return int(text)

    return read


def choice(*names: str) -> Callable[[Found], str]:
    def read(it: Found) -> str:
        if it.value not in names:
            raise UsageError(f"{it.source} must be {_alternatives(names)}, not {it.value!r}")
        return str(it.value)

    return read


def _alternatives(names: Sequence[str]) -> str:
    return " or ".join([", ".join(names[:-1]), names[-1]])


def address(it: Found) -> tuple[str, int]:
    """`PORT`, which is one of this machine only, `HOST:PORT` or `[IPv6]:PORT`."""
    text = str(it.value).strip()
    found = None if isinstance(it.value, bool) else _ADDRESS.fullmatch(text)
    if found is None or int(found["port"]) > _HIGHEST_PORT:
        raise UsageError(
            f"{it.source} must be PORT or HOST:PORT, not {it.value!r}", hint="such as 9464 or 127.0.0.1:9464"
        )
    return found["host"] or found["six"] or _LOOPBACK, int(found["port"])


def matching(pattern: str, words: str) -> Callable[[Found], str]:
    def read(it: Found) -> str:
        if not isinstance(it.value, str) or not re.fullmatch(pattern, it.value):
            # Not repeated: it may be a URL, with its password, in the wrong place.
            raise UsageError(f"{it.source} must be {words}")
        return it.value

    return read


def seconds(least_s: float, most_s: float | None = None) -> Callable[[Found], float]:
    """A duration as blueprints write it, in seconds."""

    def read(it: Found) -> float:
        from flowcraft_engine.values import format_duration, parse_duration

        is_number = isinstance(it.value, str) and it.value.strip().replace(".", "", 1).isdigit()
        try:
            duration_s = parse_duration(float(it.value) if is_number else it.value) / 1000
        except ValueError as error:
            raise UsageError(f"{it.source}: {error}") from error
        if duration_s < least_s:
            raise UsageError(
                f"{it.source} must be at least {format_duration(least_s * 1000)}, not {it.value!r}"
            )
        if most_s is not None and duration_s > most_s:
            raise UsageError(
                f"{it.source} must be at most {format_duration(most_s * 1000)}, not {it.value!r}"
            )
        return duration_s

    return read
