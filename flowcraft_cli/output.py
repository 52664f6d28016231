"""What a command prints: results on stdout, all else on stderr. A reader that went away is no error."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TextIO

from flowcraft_engine.errors import BackendError


def emit(text: str) -> None:
    """Print a result."""
    _write(sys.stdout, text)


def emit_json(document: object) -> None:
    """Print the one JSON document of a command."""
    emit(json_text(document))


def json_text(document: object) -> str:
    """JSON for people and programs alike; what stdout cannot show, and text that is no valid Unicode, is escaped."""
    text = json.dumps(document, indent=2, ensure_ascii=not _shows_unicode(), default=str)
    # DEL and the C1 controls are legal in JSON and not in a terminal.
    if _is_plain(text):
        return text
    return "".join(c if c == "\n" or c.isprintable() else f"\\u{ord(c):04x}" for c in text)


def _shows_unicode() -> bool:
    encoding = getattr(sys.stdout, "encoding", None)
    return encoding is None or encoding.lower().startswith("utf")


def _is_plain(text: str) -> bool:
    return text.replace("\n", "").isprintable()


def tell(text: str = "") -> None:
    """Print something for people, on stderr."""
    # What we say while a node is called is not the node's: past the tap on what nodes print.
    stream = getattr(sys.stderr, "beneath", sys.stderr)
    if stream is not None:
        with suppress(OSError, ValueError):
            stream.write(text + "\n")
            stream.flush()


@contextmanager
def passing() -> Iterator[Callable[[str], None]]:
    """Shows how far something is, on a terminal: each text takes the place of the one before, and none stays."""
    from flowcraft_cli.colour import is_terminal

    stream = sys.stderr if is_terminal("stderr") else None

    def show(text: str) -> None:
        if stream is not None:
            with suppress(OSError, ValueError):
                stream.write(f"\r\x1b[K{text}")
                stream.flush()

    try:
        yield show
    finally:
        show("")


def _write(stream: TextIO | None, text: str) -> None:
    if stream is None:
        return
    try:
        stream.write(text + "\n")
        stream.flush()
    except BrokenPipeError:
        discard(stream)
    except OSError as error:
        discard(stream)
        raise BackendError(f"stdout cannot be written: {error.strerror}") from error


def discard(stream: Any) -> None:
    """Send what is still buffered, and all that follows, nowhere: nobody reads it any more."""
    with suppress(OSError, ValueError, AttributeError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


#: Where stdout is while nodes run, and file descriptor 1 is stderr.
_results: list[int] = []


def emit_json_at_once(document: object) -> None:
    """Print the JSON document of a command that ends in this very moment, maybe while nodes run."""
    with suppress(OSError):
        os.write(
            _results[-1] if _results else 1, (json_text(document) + "\n").encode("utf-8", "backslashreplace")
        )


@contextmanager
def stdout_for_results_only() -> Iterator[None]:
    """While nodes run, whatever they print or write to file descriptor 1 goes to stderr."""
    with suppress(OSError, ValueError, AttributeError):
        sys.stdout.flush()
    python_stdout, sys.stdout = sys.stdout, sys.stderr
    saved: int | None = None
    with suppress(OSError):
        saved = os.dup(1)
        _results.append(saved)
        os.dup2(2, 1)
    try:
        yield
    finally:
        sys.stdout = python_stdout
        if saved is not None:
            _results.remove(saved)
            os.dup2(saved, 1)
            os.close(saved)
