"""What a node prints or logs on its way to whoever keeps it: which attempt is at work here, and the taps.

The attempt is told by a context variable, so nodes that run at the same time in one process are kept apart; a thread
that a node starts by itself has none, and what it prints is shown only.
"""

from __future__ import annotations

import io
import logging
import sys
import threading
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol, TextIO, TypeAlias

from flowcraft_engine.values.masking import Masker

#: Shows one line of a node: its stream, and the line.
Show: TypeAlias = Callable[[str, str], None]
#: Makes that for an attempt.
ShowOf: TypeAlias = Callable[["Speaker"], Show]
_LOGGER = "flowcraft.node"


class Output(Protocol):
    """Takes what nodes say, from any thread; never fails and never waits."""

    def note(
        self, ctx: Speaker, stream: str, text: str, level: str | None = None, *, show: ShowOf | None = None
    ) -> None:
        """What `show` makes is called with each line as soon as it is whole, masked."""
        ...

    def settle(self, ctx: Speaker) -> None:
        """What has been begun counts as a line now."""
        ...


class Speaker(Protocol):
    """An attempt, as far as its output is concerned. A `NodeContext` is one."""

    run_id: str
    instance: str
    attempt: int
    output: Output | None
    #: What `output` keeps of this attempt; its own affair.
    page: Any
    masker: Masker | None

    @property
    def logger(self) -> logging.LoggerAdapter[logging.Logger]: ...


#: The attempt whose node is called here; None outside of nodes, and where nobody keeps output.
current_attempt: ContextVar[Speaker | None] = ContextVar("flowcraft_attempt", default=None)


def without_secrets(text: str) -> str:
    """`text` with the secrets masked that are known here; for what is about to be cut, which would hide them."""
    ctx = current_attempt.get()
    return text if ctx is None or ctx.masker is None else ctx.masker.text(text)


def line_logger(ctx: Speaker) -> Show:
    """Shows lines that a node has written, by the loggers `flowcraft.node.stdout` and `flowcraft.node.stderr`."""
    extra, masker = ctx.logger.extra, ctx.masker
    loggers = {
        name: logging.LoggerAdapter(logging.getLogger(f"{_LOGGER}.{name}"), extra)
        for name in ("stdout", "stderr")
    }

    def show(stream: str, line: str) -> None:
        # What a handler writes to a tapped stream is not the node's.
        before = current_attempt.set(None)
        try:
            loggers[stream].info("%s", line if masker is None else masker.text(line))
        finally:
            current_attempt.reset(before)

    return show


def is_shown() -> bool:
    """Whether anybody listens to what `line_logger` says."""
    return logging.getLogger(_LOGGER).isEnabledFor(logging.INFO)


class NodeLogger(logging.LoggerAdapter[logging.Logger]):
    """`ctx.logger`: a standard logger whose records, from INFO on, are kept with the attempt, too."""

    def __init__(self, logger: logging.Logger, extra: dict[str, object], ctx: Speaker) -> None:
        super().__init__(logger, extra)
        self._ctx = ctx

    def isEnabledFor(self, level: int) -> bool:  # the name is logging's
        return self.logger.isEnabledFor(level) or self._is_kept(level)

    def _is_kept(self, level: int) -> bool:
        return self._ctx.output is not None and level >= logging.INFO

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        if self._ctx.output is not None and self.isEnabledFor(level):
            text = _message(msg, args, kwargs.get("exc_info"))
            self._ctx.output.note(self._ctx, "log", text, logging.getLevelName(level))
        if self.logger.isEnabledFor(level):
            if self._ctx.masker is not None:
                # As one text: a handler would put it together from parts that look harmless.
                msg, args = self._ctx.masker.text(_message(msg, args, kwargs.pop("exc_info", None))), ()
            # This frame is not the caller's.
            kwargs["stacklevel"] = int(kwargs.get("stacklevel", 1)) + 1
            super().log(level, msg, *args, **kwargs)

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        kwargs["extra"] = self.extra
        return msg, kwargs


def untold(message: object, error: Exception) -> str:
    """What is told of a log call whose arguments, or whose message itself, cannot be made text."""
    try:
        told = f"{message} "
    except Exception:  # an object of the user's
        told = ""
    return f"{told}({type(error).__name__} while formatting)"


def _message(msg: object, args: tuple[object, ...], exc_info: object) -> str:
    try:
        record = logging.LogRecord("", 0, "", 0, msg, args, None)
        text = record.getMessage()
    except Exception as error:  # the arguments of a user's log call may raise anything
        text = untold(msg, error)
    if exc_info:
        found: Any = exc_info
        if isinstance(exc_info, BaseException):
            found = (type(exc_info), exc_info, exc_info.__traceback__)
        elif not isinstance(exc_info, tuple):
            found = sys.exc_info()
        text += "\n" + logging.Formatter().formatException(found)
    return text


class TappedStream(io.TextIOBase):
    """A stream that notes what nodes write, and shows it: as it is, or as lines of the log that name their node.

    Once there are secrets to mask, nodes are shown line by line: a secret may be written in pieces.
    """

    def __init__(self, beneath: TextIO, name: str, *, as_log: bool = False) -> None:
        super().__init__()
        self.beneath = beneath
        self._name = name
        self._as_log = as_log
        #: Beginnings of lines, by attempt.
        self._held: dict[tuple[str, str, int], tuple[str, Masker]] = {}
        #: Threads of one attempt write to it, too.
        self._lock = threading.Lock()

    def write(self, text: str, /) -> int:
        ctx = current_attempt.get()
        if ctx is None:
            return self.beneath.write(text)
        if ctx.output is not None:
            ctx.output.note(ctx, self._name, text, show=line_logger if self._as_log else None)
            if self._as_log:
                return len(text)
        if ctx.masker is None:
            return self.beneath.write(text)
        key = (ctx.run_id, ctx.instance, ctx.attempt)
        with self._lock:
            held, _ = self._held.pop(key, ("", ctx.masker))
            lines, end, rest = (held + text).rpartition("\n")
            if rest:
                self._held[key] = (rest, ctx.masker)
        if end:
            self.beneath.write(ctx.masker.text(lines) + end)
        return len(text)

    def release(self) -> None:
        """Show what is held, at the end of everything."""
        with self._lock:
            held, self._held = self._held, {}
        for text, masker in held.values():
            self.beneath.write(masker.text(text) + "\n")

    def flush(self) -> None:
        self.beneath.flush()

    def close(self) -> None:
        """Nodes may close what they print to; others go on."""

    @property
    def encoding(self) -> str:  # type: ignore[override]  # a plain attribute there
        return self.beneath.encoding

    @property
    def errors(self) -> str | None:  # type: ignore[override]  # a plain attribute there
        return self.beneath.errors

    def fileno(self) -> int:
        return self.beneath.fileno()

    def isatty(self) -> bool:
        # Lines of the log have no colours and no cursor to move.
        return not self._as_log and self.beneath.isatty()

    def writable(self) -> bool:
        return True

    def __getattr__(self, name: str) -> Any:
        # `buffer` and the like: bytes that are written there are shown, not kept.
        return getattr(self.beneath, name)


class _AskingInput:
    """`sys.stdin` for `input()` and debuggers in nodes: their question is shown before they block for the answer."""

    def __init__(self, beneath: TextIO) -> None:
        self._beneath = beneath

    def readline(self, size: int = -1, /) -> str:
        ctx = current_attempt.get()
        if ctx is not None and ctx.output is not None:
            ctx.output.settle(ctx)
            for handler in logging.getLogger("flowcraft").handlers:
                handler.flush()
        return self._beneath.readline(size)

    def __iter__(self) -> Iterator[str]:
        return iter(self.readline, "")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._beneath, name)


@contextmanager
def tapped_streams(*, as_log: bool = False) -> Iterator[None]:
    """While this lasts, `print` in nodes is kept with the attempt. Replaces `sys.stdout` and `sys.stderr`.

    It is shown as it is, or, `as_log`, like the output of commands: line by line, by our logger.
    """
    stdin, stdout, stderr = sys.stdin, sys.stdout, sys.stderr
    if stdin is not None and as_log:
        sys.stdin = _AskingInput(stdin)
    if stdout is not None:
        sys.stdout = TappedStream(stdout, "stdout", as_log=as_log)
    if stderr is not None:
        sys.stderr = TappedStream(stderr, "stderr", as_log=as_log)
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TappedStream):
                stream.release()
        sys.stdin, sys.stdout, sys.stderr = stdin, stdout, stderr
