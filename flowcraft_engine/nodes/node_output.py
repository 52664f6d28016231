"""What a node prints or logs on its way to whoever keeps it: which attempt is at work here, and the taps.

The attempt is told by a context variable, so nodes that run at the same time in one process are kept apart; a thread
that a node starts by itself has none, and what it prints is shown only.
"""

from __future__ import annotations

import io
import logging
import sys
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Protocol, TextIO

from flowcraft_engine.values.masking import Masker


class Output(Protocol):
    """Takes what nodes say, from any thread; never fails and never waits."""

    def note(self, ctx: Speaker, stream: str, text: str, level: str | None = None) -> None: ...


class Speaker(Protocol):
    """An attempt, as far as its output is concerned. A `NodeContext` is one."""

    run_id: str
    instance: str
    attempt: int
    output: Output | None
    #: What `output` keeps of this attempt; its own affair.
    page: Any
    masker: Masker | None


#: The attempt whose node is called here; None outside of nodes, and where nobody keeps output.
current_attempt: ContextVar[Speaker | None] = ContextVar("flowcraft_attempt", default=None)


def without_secrets(text: str) -> str:
    """`text` with the secrets masked that are known here; for what is about to be cut, which would hide them."""
    ctx = current_attempt.get()
    return text if ctx is None or ctx.masker is None else ctx.masker.text(text)


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


def _message(msg: object, args: tuple[object, ...], exc_info: object) -> str:
    try:
        record = logging.LogRecord("", 0, "", 0, msg, args, None)
        text = record.getMessage()
    except Exception as error:  # the arguments of a user's log call may raise anything
        text = f"{msg} ({type(error).__name__} while formatting)"
    if exc_info:
        found: Any = exc_info
        if isinstance(exc_info, BaseException):
            found = (type(exc_info), exc_info, exc_info.__traceback__)
        elif not isinstance(exc_info, tuple):
            found = sys.exc_info()
        text += "\n" + logging.Formatter().formatException(found)
    return text


class TappedStream(io.TextIOBase):
    """A stream that shows everything as before, and notes what nodes write.

    Once there are secrets to mask, nodes are shown line by line: a secret may be written in pieces.
    """

    def __init__(self, beneath: TextIO, name: str) -> None:
        super().__init__()
        self.beneath = beneath
        self._name = name
        #: Beginnings of lines, by attempt.
        self._held: dict[tuple[str, str, int], tuple[str, Masker]] = {}

    def write(self, text: str, /) -> int:
        ctx = current_attempt.get()
        if ctx is None:
            return self.beneath.write(text)
        if ctx.output is not None:
            ctx.output.note(ctx, self._name, text)
        if ctx.masker is None:
            return self.beneath.write(text)
        key = (ctx.run_id, ctx.instance, ctx.attempt)
        held, _ = self._held.pop(key, ("", ctx.masker))
        lines, end, rest = (held + text).rpartition("\n")
        if rest:
            self._held[key] = (rest, ctx.masker)
        if end:
            self.beneath.write(ctx.masker.text(lines) + end)
        return len(text)

    def release(self) -> None:
        """Show what is held, at the end of everything."""
        for text, masker in self._held.values():
            self.beneath.write(masker.text(text) + "\n")
        self._held.clear()

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
        return self.beneath.isatty()

    def writable(self) -> bool:
        return True

    def __getattr__(self, name: str) -> Any:
        # `buffer` and the like: bytes that are written there are shown, not kept.
        return getattr(self.beneath, name)


@contextmanager
def tapped_streams() -> Iterator[None]:
    """While this lasts, `print` in nodes is kept with the attempt. Replaces `sys.stdout` and `sys.stderr`."""
    stdout, stderr = sys.stdout, sys.stderr
    if stdout is not None:
        sys.stdout = TappedStream(stdout, "stdout")
    if stderr is not None:
        sys.stderr = TappedStream(stderr, "stderr")
    try:
        yield
    finally:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, TappedStream):
                stream.release()
        sys.stdout, sys.stderr = stdout, stderr
